/** @file A FileSystemDirectoryHandle with folders in memory, as far as OPFS' cache uses it. */

interface Folder {
  folders: Map<string, Folder>;
  files: Map<string, { bytes: Uint8Array }>;
}

/** The handle, and the paths of the files in it. */
export function memoryTree(): { handle: FileSystemDirectoryHandle; paths(): string[] } {
  const root: Folder = { folders: new Map(), files: new Map() };
  const missing = () => new DOMException('there is no such entry', 'NotFoundError');
  const fileHandle = ({ files }: Folder, name: string) => {
    const file = files.get(name)!;
    return {
      getFile: async () => new File([file.bytes as Uint8Array<ArrayBuffer>], name),
      async move(to: string) {
        files.delete(name);
        files.set(to, file);
      },
      async createWritable() {
        let bytes = file.bytes;
        return {
          async write({ position, data }: { position: number; data: Uint8Array }) {
            const next = new Uint8Array(Math.max(bytes.length, position + data.length));
            next.set(bytes);
            next.set(data, position);
            bytes = next;
          },
          async truncate() {
            bytes = new Uint8Array(0);
          },
          async close() {
            file.bytes = bytes;
          },
        };
      },
    };
  };
  const folderHandle = (folder: Folder): unknown => ({
    async getDirectoryHandle(name: string, { create = false } = {}) {
      if (!folder.folders.has(name)) {
        if (!create) throw missing();
        folder.folders.set(name, { folders: new Map(), files: new Map() });
      }
      return folderHandle(folder.folders.get(name)!);
    },
    async getFileHandle(name: string, { create = false } = {}) {
      if (!folder.files.has(name)) {
        if (!create) throw missing();
        folder.files.set(name, { bytes: new Uint8Array(0) });
      }
      return fileHandle(folder, name);
    },
    async removeEntry(name: string) {
      if (!folder.files.delete(name)) throw missing();
    },
    async *keys() {
      yield* [...folder.files.keys(), ...folder.folders.keys()];
    },
  });
  const pathsOf = ({ folders, files }: Folder): string[] => [
    ...files.keys(),
    ...[...folders].flatMap(([name, inner]) => pathsOf(inner).map((path) => `${name}/${path}`)),
  ];
  return { handle: folderHandle(root) as FileSystemDirectoryHandle, paths: () => pathsOf(root) };
}
