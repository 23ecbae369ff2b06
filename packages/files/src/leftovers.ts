/** @file Temporary folders beside their final place, and which of them a killed process left (Node). */
import { nodeFs } from './node-fs.js';

/** Age in ms of a folder of another machine or of an unknown process, from which on nobody writes to it any more. */
const STALE = 24 * 3600 * 1000;

/** An owner's mark, or the UUID that earlier versions gave. */
const LEFTOVER =
  /^\.(?<kind>tmp|old)-(?:(?<host>\w+)-(?<pid>\d+)-[\da-f]{12}|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/;

/** End of a temporary name: who writes it, and something random. */
export function ownerMark(): string {
  return `${hostName()}-${process.pid}-${crypto.randomUUID().slice(-12)}`;
}

/** Removes `<directory>.tmp-<mark>` and `<directory>.old-<mark>` of processes that have ended. */
export async function sweepLeftovers(directory: string): Promise<void> {
  const fs = nodeFs();
  const { basename, dirname, join } = process.getBuiltinModule('node:path');
  const parent = dirname(directory);
  const begin = basename(directory);
  const names = await fs.readdir(parent).catch(() => [] as string[]);
  for (const name of names) {
    const mark = name.startsWith(begin) ? LEFTOVER.exec(name.slice(begin.length))?.groups : undefined;
    // an old version without a new one is all that there is
    if (!mark || (mark.kind === 'old' && !names.includes(begin))) continue;
    const path = join(parent, name);
    if (await isLeft(path, mark.host, mark.pid)) await fs.rm(path, { recursive: true, force: true }).catch(() => {});
  }
}

async function isLeft(path: string, host: string | undefined, pid: string | undefined): Promise<boolean> {
  // a restarted container has the same name, and often the same numbers
  if (host === hostName() && Number(pid) !== process.pid) return !isAlive(Number(pid));
  const { readdir, stat } = nodeFs();
  const inside = await readdir(path, { recursive: true }).catch(() => [] as string[]);
  const times = await Promise.all(['.', ...inside].map((name) => stat(`${path}/${name}`).catch(() => undefined)));
  return times.every((info) => info === undefined || Date.now() - info.mtimeMs > STALE);
}

/** Whether a process of this machine runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // it runs as another user
  }
}

/** This machine's name, in letters that fit into a file's. */
function hostName(): string {
  return process.getBuiltinModule('node:os').hostname().replace(/\W/g, '_').slice(0, 40) || '_';
}
