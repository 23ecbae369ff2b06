/** @file Places that files are downloaded to: a folder on disk (Node), or one in the browser's private file system (OPFS). */
import { SafetensorsError } from './errors.js';
import { diskFolder, type FileOpener } from './location.js';
import { nodeFs } from './node-fs.js';
import { blobSource } from './source.js';

/** A file that is being downloaded. It has its name only once it is finished. */
export interface PartFile {
  /** Bytes that it has. */
  readonly size: number;
  read(begin: number, end: number): Promise<Uint8Array>;
  append(bytes: Uint8Array): Promise<void>;
  /** Takes all bytes away. */
  clear(): Promise<void>;
  /** Gives the file its name, in place of an older one. */
  finish(): Promise<void>;
  /** Leaves what there is for another time. */
  close(): Promise<void>;
}

/** A folder that files are downloaded to. */
export interface FileStore {
  /** Opens a finished file. */
  open: FileOpener;
  /**
   * Opens the unfinished file `name` of the version `tag` where it was left, or a new one; unfinished ones of other
   * versions are removed.
   */
  part(name: string, tag: string): Promise<PartFile>;
}

/** A folder on disk (Node); it is made when needed. */
export function diskStore(directory: string): FileStore {
  const fs = nodeFs();
  return {
    open: diskFolder(directory),
    async part(name, tag) {
      checkName(name);
      await fs.mkdir(directory, { recursive: true });
      const own = partName(name, tag);
      for (const file of await fs.readdir(directory)) {
        if (isPartOf(file, name) && file !== own) await fs.rm(`${directory}/${file}`, { force: true });
      }
      const path = `${directory}/${own}`;
      await (await fs.open(path, 'a')).close();
      const handle = await fs.open(path, 'r+');
      let { size } = await handle.stat();
      return {
        get size() {
          return size;
        },
        async read(begin, end) {
          const bytes = new Uint8Array(end - begin);
          const { bytesRead } = await handle.read(bytes, 0, bytes.length, begin);
          return bytes.subarray(0, bytesRead);
        },
        async append(bytes) {
          for (let done = 0; done < bytes.length; ) {
            const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, size);
            done += bytesWritten;
            size += bytesWritten;
          }
        },
        async clear() {
          await handle.truncate(0);
          size = 0;
        },
        async finish() {
          await handle.sync();
          await handle.close();
          await fs.rename(path, `${directory}/${name}`).catch(async (error: NodeJS.ErrnoException) => {
            // Another process may have finished the same file: what stands there is then the same.
            const there = await fs.stat(`${directory}/${name}`).catch(() => undefined);
            if (error.code !== 'ENOENT' || there?.size !== size) throw error;
          });
        },
        close: () => handle.close(),
      };
    },
  };
}

/**
 * Files of a browser's directory handle: OPFS (`navigator.storage.getDirectory()` and folders in it), or a folder that a
 * person opened with `showDirectoryPicker()`.
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
 * A folder in OPFS. In a Worker bytes are on disk as they come; on a page they are when the file is closed, so that a
 * closed tab loses what it had of the file.
 */
export function opfsStore(directory: FileSystemDirectoryHandle): FileStore {
  return {
    open: opfsFolder(directory),
    async part(name, tag) {
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
    },
  };
}

type IterableDirectory = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };

/** What the libraries of TypeScript leave out: `move`, and that only Workers have synchronous access. */
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
        done += access.write(bytes.subarray(done), { at: position + done });
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
    // What was there when the file was opened: all that is ever read back.
    async read(begin, end) {
      return new Uint8Array(await (await handle.getFile()).slice(begin, end).arrayBuffer());
    },
    write: (data, position) => stream.write({ type: 'write', position, data: data as Uint8Array<ArrayBuffer> }),
    clear: () => stream.truncate(0),
    close: () => stream.close(),
  };
}

function partName(name: string, tag: string): string {
  return `${name}.${tag.replace(/[^\w-]/g, '').slice(0, 64)}.part`;
}

function isPartOf(file: string, name: string): boolean {
  return file.startsWith(`${name}.`) && /^[\w-]*\.part$/.test(file.slice(name.length + 1));
}

/** Names come from elsewhere: none may lead out of the folder. */
function checkName(name: string): void {
  if (!/^[^/\\:\0]+$/.test(name) || name === '.' || name === '..') {
    throw new SafetensorsError('is not the plain name of a file', JSON.stringify(name));
  }
}
