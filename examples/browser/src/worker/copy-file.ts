/** @file Copies a person's file into a folder of the browser's private file system. */
import type { ByteSource, DownloadProgress } from '@arena/files';
import type { FileStore } from '@arena/files/write';

/** Bytes that are copied or compared at a time. */
const PIECE = 2 ** 23;

/** Copies the file, unless the folder has one of the same name and content. */
export async function copyFile(
  file: File,
  to: FileStore,
  onProgress: (progress: DownloadProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const { name, size } = file;
  const tell = (bytes: number) => onProgress({ file: name, bytes, totalBytes: size });
  const before = await to.open(name);
  if (before && (await isCopy(before, file))) return tell(size);
  await to.write(name, async (write) => {
    for await (const [begin, bytes] of piecesOf(file)) {
      signal.throwIfAborted();
      tell(begin);
      await write(bytes);
    }
  });
  tell(size);
}

async function* piecesOf(file: File): AsyncGenerator<[begin: number, bytes: Uint8Array]> {
  for (let begin = 0; begin < file.size; begin += PIECE) {
    yield [begin, new Uint8Array(await file.slice(begin, begin + PIECE).arrayBuffer())];
  }
}

async function isCopy(source: ByteSource, file: File): Promise<boolean> {
  if (source.size !== file.size) return false;
  for await (const [begin, bytes] of piecesOf(file)) {
    const other = await source.read(begin, begin + bytes.length);
    if (!bytes.every((value, i) => value === other[i])) return false;
  }
  return true;
}
