/** @file Files on disk (Node). */
import { FileError } from './error.js';
import { nodeFs } from './node-fs.js';
import { type ByteSource, checkRange, type FileOpener } from './source.js';

/** Most bytes of one system call; the kernel's limit is just under 2 GiB. */
const READ_BYTES = 1 << 30;

/**
 * Opens a file for positioned reads. Close it when done.
 * @throws FileError when it cannot be opened or is not a file (`cause` is the system's error).
 * @example
 * const source = await openFile('votes.csv');
 * const start = await source.read(0, 100);
 * await source.close?.();
 */
export async function openFile(path: string): Promise<ByteSource> {
  const { open } = nodeFs();
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw new FileError(codeOf(cause), `cannot be opened: ${(cause as Error).message}`, path, { cause });
  }
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new FileError('argument', 'is not a file', path);
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
        if (bytesRead === 0) throw new FileError('changed', 'became shorter while it was read', path);
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
      if (error instanceof FileError && error.code === 'not_found') return null;
      throw error;
    }
  };
}

/** The code for a system error: missing file, or no access. */
function codeOf(error: unknown): FileError['code'] {
  const { code } = error as { code?: string };
  return code === 'ENOENT' || code === 'ENOTDIR' ? 'not_found' : 'refused';
}
