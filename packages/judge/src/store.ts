/** @file Storage of a run: a folder on disk, a browser's private file system, memory. */
import { bytesFolder, type Location, readFileAt } from '@arena/files';

/** Files by name, and folders of such files. */
export interface Store {
  /** The location of a folder in it, or of all of it, for readers of adapters, checkpoints and files. */
  location(folder?: string): Location;
  /** Writes a file. It holds its whole new content, or its old one. */
  write(file: string, content: string | Uint8Array): Promise<void>;
  /** Appends to a file. */
  append(file: string, text: string): Promise<void>;
  /** Writes a folder of files. Replaces an older one. {@link Store.list} names it when it is whole. */
  writeFolder(folder: string, files: Record<string, string | Uint8Array>): Promise<void>;
  /** Names of the files and of the whole folders. */
  list(): Promise<string[]>;
  /** Removes a file or folder, if it exists. */
  remove(name: string): Promise<void>;
}

/** A text of a store. Undefined when it is missing. */
export async function readText(store: Store, file: string): Promise<string | undefined> {
  const bytes = await readFileAt(store.location(), file);
  return bytes ? new TextDecoder().decode(bytes) : undefined;
}

/** A store in memory, for tests and short scripts. */
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
