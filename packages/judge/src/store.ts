/** @file Where a run keeps things: a folder on disk, a browser's private file system, memory. */
import { bytesFolder, type Location, readFileAt } from '@arena/files';

/** Files by name, and folders of such files. */
export interface Store {
  /** A folder in it, or all of it: what readers of adapters, checkpoints and single files are given. */
  location(folder?: string): Location;
  /** Writes a file; it has its new content whole, or its old. */
  write(file: string, content: string | Uint8Array): Promise<void>;
  /** Adds to the end of a file. */
  append(file: string, text: string): Promise<void>;
  /** Writes a folder of files in place of an older one; {@link Store.list} names it when it is whole. */
  writeFolder(folder: string, files: Record<string, string | Uint8Array>): Promise<void>;
  /** Names of the files, and of the folders that are whole. */
  list(): Promise<string[]>;
  /** Takes a file or folder away, if it is there. */
  remove(name: string): Promise<void>;
}

/** A text of a store; undefined when it is not there. */
export async function readText(store: Store, file: string): Promise<string | undefined> {
  const bytes = await readFileAt(store.location(), file);
  return bytes ? new TextDecoder().decode(bytes) : undefined;
}

/** A store in memory, for tests and for scripts that keep nothing. */
export function memoryStore(): Store {
  const files = new Map<string, Uint8Array>();
  const folders = new Map<string, Record<string, string | Uint8Array>>();
  const bytesOf = (content: string | Uint8Array) =>
    typeof content === 'string' ? new TextEncoder().encode(content) : content.slice();
  return {
    location: (folder) => async (file) => {
      const held = folder === undefined ? Object.fromEntries(files) : (folders.get(folder) ?? {});
      return bytesFolder(held)(file);
    },
    async write(file, content) {
      files.set(file, bytesOf(content));
    },
    async append(file, text) {
      const [before, more] = [files.get(file) ?? new Uint8Array(), bytesOf(text)];
      const all = new Uint8Array(before.length + more.length);
      all.set(before);
      all.set(more, before.length);
      files.set(file, all);
    },
    async writeFolder(folder, content) {
      folders.set(folder, Object.fromEntries(Object.entries(content).map(([name, one]) => [name, bytesOf(one)])));
    },
    list: async () => [...files.keys(), ...folders.keys()],
    async remove(name) {
      files.delete(name);
      folders.delete(name);
    },
  };
}
