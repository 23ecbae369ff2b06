/** @file Folders to write and download to: the contract, and folders on disk (Node) and in memory. */
import { diskFolder } from './disk.js';
import { FileError } from './error.js';
import { nodeFs } from './node-fs.js';
import { type FileOpener, joined } from './source.js';
import { type FillFile, makeFolder, replaceFile, storing } from './write.js';

/** A file during download. It gets its name when it is finished. */
export interface PartFile {
  /** Bytes so far. */
  readonly size: number;
  read(begin: number, end: number): Promise<Uint8Array>;
  append(bytes: Uint8Array): Promise<void>;
  /** Removes all bytes. */
  clear(): Promise<void>;
  /** Gives the file its name. Replaces an older file. */
  finish(): Promise<void>;
  /** Keeps the bytes for another time. */
  close(): Promise<void>;
}

/** A folder to write to. */
export interface FileTarget {
  /** Writes a file. It gets its name when it is whole, and replaces an older file. A failure leaves nothing. */
  write(name: string, content: FillFile | string | Uint8Array): Promise<void>;
  /** Names of the files. */
  names(): Promise<string[]>;
  remove(name: string): Promise<void>;
}

/** A folder to write and download to. */
export interface FileStore extends FileTarget {
  /** Opens a finished file. */
  open: FileOpener;
  /**
   * Opens the unfinished file `name` of the version `tag`, or a new one. Removes unfinished files of other versions.
   */
  part(name: string, tag: string): Promise<PartFile>;
}

/** A folder on disk (Node), created when needed. */
export function diskStore(directory: string): FileStore {
  const fs = nodeFs();
  return {
    open: diskFolder(directory),
    async write(name, content) {
      checkName(name);
      await makeFolder(directory);
      await replaceFile(`${directory}/${name}`, content);
    },
    async names() {
      return fs.readdir(directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return [];
        throw error;
      });
    },
    async remove(name) {
      checkName(name);
      await fs.rm(`${directory}/${name}`, { force: true });
    },
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
            const { bytesWritten } = await storing(path, handle.write(bytes, done, bytes.length - done, size));
            done += bytesWritten;
            size += bytesWritten;
          }
        },
        async clear() {
          await handle.truncate(0);
          size = 0;
        },
        async finish() {
          await storing(path, handle.sync());
          await storing(path, handle.close());
          await fs.rename(path, `${directory}/${name}`).catch(async (error: NodeJS.ErrnoException) => {
            // Another process may have finished the same file: its content is then the same.
            const there = await fs.stat(`${directory}/${name}`).catch(() => undefined);
            if (error.code !== 'ENOENT' || there?.size !== size) throw error;
          });
        },
        close: () => handle.close(),
      };
    },
  };
}

/** Files in memory, for `bytesFolder(target.files)` and for a page that offers them. */
export function bytesTarget(): FileTarget & { readonly files: Record<string, Uint8Array> } {
  const files: Record<string, Uint8Array> = {};
  return {
    files,
    async write(name, content) {
      checkName(name);
      const parts: Uint8Array[] = [];
      await fillOf(content)(async (bytes) => void parts.push(bytes.slice()));
      files[name] = joined(parts);
    },
    names: async () => Object.keys(files),
    async remove(name) {
      delete files[name];
    },
  };
}

/** A function that writes the given content to a file. */
export function fillOf(content: FillFile | string | Uint8Array): FillFile {
  if (typeof content === 'function') return content;
  return (write) => write(typeof content === 'string' ? new TextEncoder().encode(content) : content);
}

/** Name of the unfinished file `name` of the version `tag`. */
export function partName(name: string, tag: string): string {
  return `${name}.${tag.replace(/[^\w-]/g, '').slice(0, 64)}.part`;
}

/** Whether a file is an unfinished one of `name`, of any version. */
export function isPartOf(file: string, name: string): boolean {
  return file.startsWith(`${name}.`) && /^[\w-]*\.part$/.test(file.slice(name.length + 1));
}

/** Checks a name. Names come from outside and must not leave the folder. */
export function checkName(name: string): void {
  if (!/^[^/\\:\0]+$/.test(name) || name === '.' || name === '..') {
    throw new FileError('argument', 'is not the plain name of a file', JSON.stringify(name));
  }
}
