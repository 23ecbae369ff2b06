/** @file Bytes of a file on disk (Node). */

import { SafetensorsError } from './errors.js';
import { nodeFs } from './node-fs.js';
import { type ByteSource, checkRange } from './source.js';

/** Most bytes asked of one system call; the kernel's own limit is just under 2 GiB. */
const READ_BYTES = 1 << 30;

/**
 * Opens a file for positioned reads. Close it when done.
 * @throws SafetensorsError when it cannot be opened or is not a file (`cause` is the system's error).
 */
export async function openFile(path: string): Promise<ByteSource> {
  const { open } = nodeFs();
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    const failure = new SafetensorsError(`cannot be opened: ${(error as Error).message}`, path);
    failure.cause = error;
    throw failure;
  }
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new SafetensorsError('is not a file', path);
  }
  return {
    size: stat.size,
    name: path,
    async read(begin, end) {
      checkRange(begin, end, stat.size, path);
      const bytes = new Uint8Array(end - begin);
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await handle.read(bytes, done, Math.min(READ_BYTES, bytes.length - done), begin + done);
        if (bytesRead === 0) throw new SafetensorsError('became shorter while it was read', path);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}
