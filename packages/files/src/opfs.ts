/** @file Folders in the browser's private file system (OPFS), and folders that a person opened. */
import { FileError } from './error.js';
import { blobSource, type FileOpener } from './source.js';
import { checkName, type FileStore, fillOf, isPartOf, type PartFile, partName } from './store.js';
import type { FillFile } from './write.js';

/**
 * Files of a browser's directory handle: OPFS (`navigator.storage.getDirectory()` and folders in it), or a folder that
 * a person opened with `showDirectoryPicker()`.
 */
export function opfsFolder(directory: FileSystemDirectoryHandle): FileOpener {
  return async (file) => {
    try {
      return blobSource(await (await directory.getFileHandle(file)).getFile(), file);
    } catch (error) {
      if ((error as DOMException).name === 'NotFoundError') return null;
      throw error;
    }
  };
}

/**
 * A folder in OPFS. In a Worker each write reaches the disk at once. On a page the file is written when it is closed,
 * so a closed tab loses it.
 */
export function opfsStore(directory: FileSystemDirectoryHandle): FileStore {
  return {
    open: opfsFolder(directory),
    write: (name, content) => writeThroughPart(directory, name, fillOf(content)),
    async names() {
      const names: string[] = [];
      for await (const name of (directory as IterableDirectory).keys()) names.push(name);
      return names;
    },
    async remove(name) {
      await directory.removeEntry(name).catch((error: DOMException) => {
        if (error.name !== 'NotFoundError') throw error;
      });
    },
    part: (name, tag) => openPart(directory, name, tag),
  };
}

async function openPart(directory: FileSystemDirectoryHandle, name: string, tag: string): Promise<PartFile> {
  checkName(name);
  const own = partName(name, tag);
  for await (const file of (directory as IterableDirectory).keys()) {
    if (isPartOf(file, name) && file !== own) await directory.removeEntry(file);
  }
  const handle = (await directory.getFileHandle(own, { create: true })) as PartHandle;
  let { size } = await handle.getFile();
  const writer = await writerOf(handle, name);
  return {
    get size() {
      return size;
    },
    read: writer.read,
    async append(bytes) {
      await inBrowser(name, () => writer.write(bytes, size));
      size += bytes.length;
    },
    async clear() {
      await writer.clear();
      size = 0;
    },
    async finish() {
      await inBrowser(name, writer.close);
      if (!handle.move) throw unsupported(name, 'cannot give a stored file its name (move is missing)');
      await handle.move(name);
    },
    close: writer.close,
  };
}

/**
 * A writer of a file: in a Worker the synchronous one, elsewhere a stream.
 * @throws FileError where the browser has neither, such as Safari before 26 on a page.
 */
async function writerOf(handle: PartHandle, name: string): Promise<Writer> {
  if (handle.createSyncAccessHandle) return syncWriter(await handle.createSyncAccessHandle());
  if (!handle.createWritable) {
    throw unsupported(name, 'cannot write files on a page (createWritable is missing, as in Safari before 26)');
  }
  return streamWriter(await handle.createWritable({ keepExistingData: true }), handle);
}

function unsupported(name: string, what: string): FileError {
  return new FileError('storage', `this browser ${what}; write in a Worker, or take another browser`, name);
}

/** A write. What the browser refuses is said with the file's name. */
async function inBrowser(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const full = (cause as DOMException).name === 'QuotaExceededError';
    const why = full
      ? 'no space is left for this site; remove stored models or runs, or make room on the disk'
      : (cause as Error).message;
    throw new FileError('storage', `cannot be stored: ${why}`, name, { cause });
  }
}

/**
 * Writes under a temporary name. The browser's swap files would do on a page, but a Worker's faster synchronous access
 * has none.
 */
async function writeThroughPart(directory: FileSystemDirectoryHandle, name: string, fill: FillFile): Promise<void> {
  const part = await openPart(directory, name, NEW);
  try {
    await part.clear();
    await fill((bytes) => part.append(bytes));
  } catch (error) {
    await part.close().catch(() => {}); // the first error says what is wrong
    await directory.removeEntry(partName(name, NEW)).catch(() => {});
    throw error;
  }
  await part.finish();
}

/** Version tag of a written file. */
const NEW = 'new';

type IterableDirectory = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };

/** What browsers have of it; TypeScript's libraries lack `move`, and know no browser without the others. */
type PartHandle = Omit<FileSystemFileHandle, 'createSyncAccessHandle' | 'createWritable'> & {
  createSyncAccessHandle?: () => Promise<SyncAccess>;
  createWritable?: FileSystemFileHandle['createWritable'];
  move?(name: string): Promise<void>;
};

interface SyncAccess {
  read(bytes: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

interface Writer {
  read(begin: number, end: number): Promise<Uint8Array>;
  write(bytes: Uint8Array, position: number): Promise<void>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

function syncWriter(access: SyncAccess): Writer {
  return {
    async read(begin, end) {
      const bytes = new Uint8Array(end - begin);
      return bytes.subarray(0, access.read(bytes, { at: begin }));
    },
    async write(bytes, position) {
      for (let done = 0; done < bytes.length; ) {
        const wrote = access.write(bytes.subarray(done), { at: position + done });
        // Where others throw, Safari writes 0 bytes, and Chromium's private windows return an error as an unsigned number.
        if (!(wrote > 0 && wrote <= bytes.length - done))
          throw new DOMException('no space is left', 'QuotaExceededError');
        done += wrote;
      }
    },
    async clear() {
      access.truncate(0);
    },
    async close() {
      try {
        access.flush();
      } finally {
        access.close();
      }
    },
  };
}

function streamWriter(stream: FileSystemWritableFileStream, handle: PartHandle): Writer {
  return {
    // The content when the file was opened: nothing else is read back.
    async read(begin, end) {
      return new Uint8Array(await (await handle.getFile()).slice(begin, end).arrayBuffer());
    },
    write: (data, position) => stream.write({ type: 'write', position, data: data as Uint8Array<ArrayBuffer> }),
    clear: () => stream.truncate(0),
    close: () => stream.close(),
  };
}
