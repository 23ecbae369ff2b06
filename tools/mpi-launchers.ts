/** @file The MPI launchers of this machine, for tests. */
import { spawn, spawnSync } from 'node:child_process';
import { test } from 'vitest';

export interface Launcher {
  name: string;
  command: string;
  /** Flags before -np. */
  flags: string[];
}

const found = (command: string) => spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout ?? '';
const isOpen = (command: string) => found(command).includes('Open MPI');
const isHydra = (command: string) => found(command).includes('HYDRA');

/** Open MPI and MPICH by the names that Debian gives them when both are there, and when one is. */
export const LAUNCHERS: Launcher[] = [
  ...['mpirun.openmpi', 'mpirun']
    .filter(isOpen)
    .slice(0, 1)
    .map((command) => ({ name: 'Open MPI', command, flags: ['--allow-run-as-root', '--oversubscribe'] })),
  ...['mpirun.mpich', 'mpirun']
    .filter(isHydra)
    .slice(0, 1)
    .map((command) => ({ name: 'MPICH', command, flags: [] })),
];

/** Runs `body` with every launcher. A test says which is missing: skipped, or failed in CI, which must have both. */
export function withLaunchers(name: string, body: (launcher: Launcher) => Promise<void>, timeout = 120_000): void {
  for (const missing of ['Open MPI', 'MPICH'].filter((one) => !LAUNCHERS.some((launcher) => launcher.name === one))) {
    test.skipIf(!process.env.CI)(`${name}, ${missing} (not here)`, () => {
      throw new Error(`${missing} is missing; .ci/run installs it`);
    });
  }
  for (const launcher of LAUNCHERS) test(`${name}, ${launcher.name}`, { timeout }, () => body(launcher));
}

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Starts `ranks` processes of `node ...argv` and gives how they ended. */
export function launch(
  { command, flags }: Launcher,
  ranks: number,
  argv: string[],
  env: Record<string, string> = {},
): { pid: number; ended: Promise<Ended> } {
  const child = spawn(command, [...flags, '-np', String(ranks), process.execPath, ...argv], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  return {
    pid: child.pid!,
    ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err }))),
  };
}
