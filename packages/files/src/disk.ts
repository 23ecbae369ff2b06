/** @file Files on disk (Node). */
import { FileError } from './errors.js';
import { nodeFs } from './node-fs.js';
import { type ByteSource, checkRange, type FileOpener } from './source.js';

/** Most bytes asked of one system call; the kernel's own limit is just under 2 GiB. */
const READ_BYTES = 1 << 30;

/**
 * Opens a file for positioned reads. Close it when done.
 * @throws FileError when it cannot be opened or is not a file (`cause` is the system's error).
 */
export async function openFile(path: string): Promise<ByteSource> {
  const { open } = nodeFs();
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw new FileError(`cannot be opened: ${(cause as Error).message}`, path, { cause });
  }
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new FileError('is not a file', path);
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
        if (bytesRead === 0) throw new FileError('became shorter while it was read', path);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** Files of a folder on disk (Node). */
export function diskFolder(directory: string): FileOpener {
  return async (file) => {
    try {
      return await openFile(`${directory}/${file}`);
    } catch (error) {
      const cause = error instanceof FileError ? (error.cause as { code?: string } | undefined) : undefined;
      if (cause?.code === 'ENOENT' || cause?.code === 'ENOTDIR') return null;
      throw error;
    }
  };
}
