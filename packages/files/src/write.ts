/** @file Files and folders on disk that appear whole or not at all (Node). */
import { FileError } from './error.js';
import { ownerMark, sweepLeftovers } from './leftovers.js';
import { nodeFs } from './node-fs.js';

/** Writes bytes to a file, part by part. */
export type FillFile = (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>;

/** Most bytes of one system call. */
const WRITE_BYTES = 1 << 30;

/** Most retries when another writer of the same folder interferes. */
const ATTEMPTS = 20;

/**
 * Awaits a write to a file.
 * @throws FileError that names the file, where the system's error does not: a full disk, a quota, a damaged medium.
 */
export async function storing<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const { code, syscall, path: named } = cause as NodeJS.ErrnoException;
    if (syscall === undefined || named !== undefined) throw cause;
    const reason = code === 'ENOSPC' || code === 'EDQUOT' ? 'no space is left; make room, then try again' : `${cause}`;
    throw new FileError('storage', `cannot be written (${code}): ${reason}`, path, { cause });
  }
}

/**
 * Writes a file under a temporary name beside `path`, syncs it and renames it. A failure leaves nothing, and an older
 * file stays as it was.
 * @throws the system's error, FileError when the disk is full, and what `fill` throws.
 */
export async function replaceFile(path: string, fill: FillFile | string | Uint8Array): Promise<void> {
  const { open, rename, rm } = nodeFs();
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const handle = await open(temporary, 'wx');
  const write = async (bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, done, Math.min(WRITE_BYTES, bytes.length - done));
      done += bytesWritten;
    }
  };
  try {
    if (typeof fill !== 'function') await storing(path, handle.writeFile(fill));
    else await fill((bytes) => storing(path, write(bytes)));
    await storing(path, handle.sync());
    await storing(path, handle.close());
    await rename(temporary, path);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}

/**
 * Fills a temporary folder beside `directory` and renames it into place. A failure leaves nothing. An older folder is
 * moved aside first and removed afterwards. Of several writers the last wins with its whole folder. With `isNew` a
 * folder with files stays, and is an error. Removes temporary folders of the same name that killed processes left.
 * @param fill Gets the path of the empty temporary folder.
 * @throws the system's error when the parent cannot be written, and what `fill` throws.
 */
export async function replaceFolder(
  directory: string,
  fill: (temporary: string) => Promise<void>,
  { isNew = false }: { isNew?: boolean } = {},
): Promise<void> {
  const fs = nodeFs();
  await sweepLeftovers(directory);
  const own = ownerMark();
  const temporary = `${directory}.tmp-${own}`;
  try {
    await makeFolder(temporary);
    await fill(temporary);
    if (isNew) await fs.rename(temporary, directory);
    else await takePlace(fs, temporary, directory, `${directory}.old-${own}`);
  } catch (error) {
    await fs.rm(temporary, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Writes and syncs files in a folder that appears whole or not at all, like {@link replaceFolder}.
 * @example
 * await writeFolder('adapter', { 'adapter_config.json': '{}' });
 */
export async function writeFolder(directory: string, files: Record<string, string | Uint8Array>): Promise<void> {
  await replaceFolder(directory, async (temporary) => {
    for (const [name, content] of Object.entries(files)) await replaceFile(`${temporary}/${name}`, content);
  });
}

/**
 * Creates a folder and its parents. Node's `recursive` never returns where the system allows no folders, such as in
 * /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  const { mkdir, stat } = nodeFs();
  const { dirname, resolve } = process.getBuiltinModule('node:path');
  const above = dirname(resolve(path));
  if (!(await stat(above).catch(() => undefined))) await makeFolder(above);
  await mkdir(path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  });
}

/**
 * Renames a folder into place. The system does not replace a folder with files: moves that one aside first. Another
 * writer may interfere.
 */
async function takePlace(fs: ReturnType<typeof nodeFs>, from: string, to: string, aside: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const moved = await fs.rename(to, aside).then(
      () => true,
      () => false,
    );
    const failure = await fs.rename(from, to).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error,
    );
    const busy = failure && ['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(failure.code ?? '') && attempt < ATTEMPTS;
    if (failure && !busy) {
      if (moved) await fs.rename(aside, to).catch(() => {}); // restores it
      throw failure;
    }
    if (moved) await fs.rm(aside, { recursive: true, force: true });
    if (!failure) return;
  }
}
