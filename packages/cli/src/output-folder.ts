/** @file The folder for a command's results. */
import { constants } from 'node:fs';
import { access, readdir, rmdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { makeFolder } from '@arena/files/write';

/**
 * Creates the folder for results. It must be new or empty.
 * @throws Error when it holds something already, is a file, or cannot be written.
 */
export async function prepareOutput(path: string, hint = 'choose another --out'): Promise<void> {
  const held = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') throw new Error(`${path}: is a file, a folder is needed for the results`);
    throw new Error(`${path}: cannot be read (${error.code})`);
  });
  if (held.length) throw new Error(`${path}: holds ${held.slice(0, 3).join(', ')} already; ${hint}`);
  await makeFolder(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be created (${error.code}); choose a folder that you may write to`);
  });
  await checkWritable(path);
}

/** Removes the folder if it is empty. */
export async function dropIfEmpty(path: string): Promise<void> {
  await rmdir(path).catch(() => {}); // not empty, or not there
}

/** A handler for a rejected promise: removes the folder if it is still empty. */
export function dropping(path: string): (error: unknown) => Promise<never> {
  return async (error) => {
    await dropIfEmpty(path);
    throw error;
  };
}

/** Like {@link prepareOutput}, for a folder that appears whole at the end. Touches only its parent. */
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
