/** @file Appends bytes to a new file. */
import { open } from 'node:fs/promises';
import { storing } from '@arena/files/write';

/** A file that grows. */
export interface Appender {
  /** Appends bytes. Await the result before the next call. */
  add(bytes: Uint8Array): Promise<void> | undefined;
  finish(): Promise<void>;
}

/** Bytes gathered before a write. */
const BUFFER_BYTES = 2 ** 20;

/** Opens a file that must not exist. */
export async function appender(path: string): Promise<Appender> {
  const file = await open(path, 'wx');
  const buffer = new Uint8Array(BUFFER_BYTES);
  let waiting = 0;
  const flush = async (more?: Uint8Array) => {
    await storing(path, file.writeFile(buffer.subarray(0, waiting)));
    waiting = 0;
    if (more) await storing(path, file.writeFile(more));
  };
  return {
    add(bytes) {
      if (waiting + bytes.length > BUFFER_BYTES) return flush(bytes);
      buffer.set(bytes, waiting);
      waiting += bytes.length;
      return undefined;
    },
    async finish() {
      await flush().finally(() => storing(path, file.close()));
    },
  };
}
