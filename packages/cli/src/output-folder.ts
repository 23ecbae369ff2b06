/** @file The folder for a command's results. */
import { constants } from 'node:fs';
import { access, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { makeFolder } from '@arena/files/write';
import { LOCK, lockFolder } from './folder-lock.js';

export interface OutputOptions {
  /** What to do about a folder that holds something. */
  hint?: string;
  /** Whether the folder holds what this command may go on with. */
  goesOn?: boolean;
  /** Files that a command which was killed at its very start may have left. */
  leftovers?: RegExp;
}

/**
 * Runs work that writes to a folder, which is created and must be new or empty. Nobody else may write to it meanwhile.
 * Removes it afterwards if it is still empty.
 * @throws Error when it holds something already, is a file, cannot be written, or is another process's.
 */
export async function withOutput<T>(path: string, work: () => Promise<T>, options: OutputOptions = {}): Promise<T> {
  await leftIn(path, options);
  await makeFolder(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be created (${error.code}); choose a folder that you may write to`);
  });
  await checkWritable(path);
  const release = await lockFolder(path);
  try {
    for (const name of await leftIn(path, options)) await rm(join(path, name), { recursive: true });
    return await work();
  } finally {
    await release();
    await rmdir(path).catch(() => {}); // not empty, or not there
  }
}

/** What a killed command left in a folder that may be taken. @throws Error when it may not. */
async function leftIn(
  path: string,
  { hint = 'choose another --out', goesOn, leftovers }: OutputOptions,
): Promise<string[]> {
  const held = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw new Error(`${path}: is a file, a folder is needed for the results`);
    throw new Error(`${path}: cannot be read (${error.code})`);
  });
  if (goesOn) return [];
  const others = held.filter((name) => !name.startsWith(LOCK) && !leftovers?.test(name));
  if (others.length) throw new Error(`${path}: holds ${others.slice(0, 3).join(', ')} already; ${hint}`);
  return held.filter((name) => leftovers?.test(name));
}

/** Throws unless a folder that appears whole at the end can be made. Touches only its parent. */
export async function checkNewFolder(path: string): Promise<void> {
  if (await stat(path).catch(() => undefined)) throw new Error(`${path}: exists already; choose another --out`);
  let parent = dirname(resolve(path));
  while (!(await stat(parent).catch(() => undefined))) parent = dirname(parent);
  await checkWritable(parent);
}

async function checkWritable(path: string): Promise<void> {
  await access(path, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be written (${error.code}); choose a folder that you may write to`);
  });
}
