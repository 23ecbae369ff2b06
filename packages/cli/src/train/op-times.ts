/** @file A profile as lines for the terminal. */
import type { Profile } from '@arena/runtime';

/** Characters of a name. */
const NAME = 40;

/** Ends the profile. Gives a line for each op with at least 1 % of the time, and one for the others. */
export async function describeTimes(profile: Profile, seconds: number): Promise<string> {
  const times = await profile.stop();
  const all = 1000 * seconds;
  const line = (name: string, calls: number, milliseconds: number) =>
    `${shortened(name)} ${String(calls).padStart(9)} ${(milliseconds / 1000).toFixed(3).padStart(10)} ${((100 * milliseconds) / all).toFixed(1).padStart(7)} %`;
  const shown = times.filter(({ milliseconds }) => milliseconds >= all / 100);
  const small = times.slice(shown.length); // sorted by time, longest first
  const sum = (list: typeof times, key: 'calls' | 'milliseconds') => list.reduce((total, one) => total + one[key], 0);
  const rest = all - sum(times, 'milliseconds');
  const what = profile.clock === 'gpu' ? "kernel, by the GPU's clock" : 'op';
  return [
    `${shortened(what)} ${'calls'.padStart(9)} ${'seconds'.padStart(10)} ${'share'.padStart(9)}`,
    ...shown.map(({ name, calls, milliseconds }) => line(name, calls, milliseconds)),
    ...(small.length ? [line('smaller ones', sum(small, 'calls'), sum(small, 'milliseconds'))] : []),
    `${shortened('everything else')} ${''.padStart(9)} ${(rest / 1000).toFixed(3).padStart(10)} ${((100 * rest) / all).toFixed(1).padStart(7)} %`,
  ].join('\n');
}

/** Shortens the long names of GPU kernels. */
function shortened(name: string): string {
  return (name.length > NAME ? `${name.slice(0, NAME - 1)}…` : name).padEnd(NAME);
}
