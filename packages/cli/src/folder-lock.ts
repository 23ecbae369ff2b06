/** @file Keeps two commands out of one folder: a file in it says which process writes there. */
import { readFileSync } from 'node:fs';
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '@arena/files/write';

/** Name of the file. */
export const LOCK = '.arena-lock';

/** Milliseconds between two signs of life. */
const BEAT = 30_000;
/** Milliseconds without a sign of life after which a process on another machine counts as ended. */
const SILENT = 15 * 60_000;

interface Holder {
  pid: number;
  host: string;
  /** What tells this process from another one of the same number; empty where the system does not say. */
  start: string;
}

/**
 * Takes a folder for this process. A lock of a process that has ended counts for nothing.
 * @returns a function that gives the folder back.
 * @throws Error that says which process has it.
 */
export async function lockFolder(directory: string): Promise<() => Promise<void>> {
  const path = join(directory, LOCK);
  const own: Holder = { pid: process.pid, host: hostname(), start: startOf(process.pid) };
  const text = `${JSON.stringify(own)}\n`;
  while (!(await create(path, text))) {
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found === undefined) continue; // given back just now
    const holder = await holderOf(path, found);
    if (holder) {
      const { pid, host } = holder;
      throw new Error(
        `${directory}: process ${pid}${host === own.host ? '' : ` on ${host}`} writes there; wait for it, or choose another --out` +
          (host === own.host ? '' : ` (if it has ended, remove ${path})`),
      );
    }
    const aside = `${path}.${crypto.randomUUID()}`;
    await rename(path, aside).catch(() => {}); // only one of several takes it away
    await rm(aside, { force: true });
  }
  held.add(path);
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), BEAT);
  beat.unref();
  return async () => {
    clearInterval(beat);
    held.delete(path);
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) await rm(path, { force: true });
  };
}

/** Locks of this process. */
const held = new Set<string>();

async function create(path: string, text: string): Promise<boolean> {
  const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  });
  if (!file) return false;
  await file.writeFile(text).finally(() => file.close());
  return true;
}

/** The process that a lock names, if it may still run. */
async function holderOf(path: string, text: string): Promise<Holder | undefined> {
  const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? 0);
  let holder: Holder;
  try {
    holder = JSON.parse(text) as Holder;
  } catch {
    return age < 1000 ? { pid: 0, host: hostname(), start: '' } : undefined; // being written, or cut off
  }
  const { pid, host, start } = holder ?? {};
  if (host !== hostname()) return age < SILENT ? holder : undefined;
  if (pid === process.pid) return held.has(path) ? holder : undefined; // a restarted container has the same numbers
  return isAlive(pid) && startOf(pid) === start ? holder : undefined;
}

/** When a process started, as far as the system says (Linux): numbers of processes come again. */
function startOf(pid: number): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return `${boot} ${fields[19]}`;
  } catch {
    return '';
  }
}
