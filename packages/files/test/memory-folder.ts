/** @file A FileSystemDirectoryHandle in memory, as far as stores use it. */

interface MemoryFile {
  bytes: Uint8Array;
}

/** @param worker Whether files have synchronous access, as in a Worker. */
export function memoryFolder(worker: boolean) {
  const files = new Map<string, MemoryFile>();
  const write = (file: MemoryFile, data: Uint8Array, at: number) => {
    const bytes = new Uint8Array(Math.max(file.bytes.length, at + data.length));
    bytes.set(file.bytes);
    bytes.set(data, at);
    file.bytes = bytes;
  };
  const fileHandle = (name: string) => {
    const file = files.get(name)!;
    return {
      getFile: async () => new File([file.bytes as Uint8Array<ArrayBuffer>], name),
      async move(to: string) {
        files.delete(name);
        files.set(to, file);
      },
      async createWritable() {
        const copy = { bytes: file.bytes };
        return {
          write: async ({ position, data }: { position: number; data: Uint8Array }) => write(copy, data, position),
          async truncate() {
            copy.bytes = new Uint8Array(0);
          },
          async close() {
            file.bytes = copy.bytes;
          },
        };
      },
      ...(worker && {
        createSyncAccessHandle: async () => ({
          read(into: Uint8Array, { at }: { at: number }) {
            const part = file.bytes.subarray(at, at + into.length);
            into.set(part);
            return part.length;
          },
          write(data: Uint8Array, { at }: { at: number }) {
            write(file, data, at);
            return data.length;
          },
          truncate() {
            file.bytes = new Uint8Array(0);
          },
          flush() {},
          close() {},
        }),
      }),
    };
  };
  const handle = {
    async getFileHandle(name: string, { create = false } = {}) {
      if (!files.has(name)) {
        if (!create) throw new DOMException('there is no such file', 'NotFoundError');
        files.set(name, { bytes: new Uint8Array(0) });
      }
      return fileHandle(name);
    },
    async *keys() {
      yield* [...files.keys()];
    },
    async removeEntry(name: string) {
      files.delete(name);
    },
  };
  return { handle: handle as unknown as FileSystemDirectoryHandle, files };
}
