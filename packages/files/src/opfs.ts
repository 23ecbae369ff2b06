/** @file Folders in the browser's private file system (OPFS), and folders that a person opened. */
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
  const writer = handle.createSyncAccessHandle
    ? syncWriter(await handle.createSyncAccessHandle())
    : streamWriter(await handle.createWritable({ keepExistingData: true }), handle);
  return {
    get size() {
      return size;
    },
    read: writer.read,
    async append(bytes) {
      await writer.write(bytes, size);
      size += bytes.length;
    },
    async clear() {
      await writer.clear();
      size = 0;
    },
    async finish() {
      await writer.close();
      await handle.move(name);
    },
    close: writer.close,
  };
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
    await part.close();
    await directory.removeEntry(partName(name, NEW));
    throw error;
  }
  await part.finish();
}

/** Version tag of a written file. */
const NEW = 'new';

type IterableDirectory = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };

/** Types that TypeScript's libraries lack: `move`, and synchronous access as an option. */
type PartHandle = Omit<FileSystemFileHandle, 'createSyncAccessHandle'> & {
  createSyncAccessHandle?: () => Promise<SyncAccess>;
  move(name: string): Promise<void>;
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
        // Chromium's private windows return a negative error as an unsigned number where others throw.
        if (!(wrote > 0 && wrote <= bytes.length - done))
          throw new DOMException('no space is left', 'QuotaExceededError');
        done += wrote;
      }
    },
    async clear() {
      access.truncate(0);
    },
    async close() {
      access.flush();
      access.close();
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
