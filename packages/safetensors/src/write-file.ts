/** @file Writes files so that none is ever seen half-written (Node). */
import { nodeFs } from './node-fs.js';
import { checkBytes, checkData, layoutTensors, type Metadata, PYTORCH_METADATA, type TensorSpec } from './serialize.js';

/** A tensor to write; a function is called when its turn comes, so that one tensor, or one part of it, at a time is in memory. */
export interface TensorInput extends TensorSpec {
  data: Uint8Array | (() => Uint8Array | Promise<Uint8Array> | AsyncIterable<Uint8Array>);
}

/** Most bytes given to one system call. */
const WRITE_BYTES = 1 << 30;

/**
 * Writes a .safetensors file, byte for byte as the reference writer: under a temporary name beside it, synced, renamed.
 * @throws SafetensorsError as `serialize`; the system's error when the disk refuses. The old file then stays as it was.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorInput[],
  metadata: Metadata = PYTORCH_METADATA,
): Promise<void> {
  const { header, order } = layoutTensors(tensors, metadata, path);
  await replaceFile(path, async (write) => {
    await write(header);
    for (const { tensor, bytes } of order) {
      const data = typeof tensor.data === 'function' ? await tensor.data() : tensor.data;
      if (!isParts(data)) {
        checkBytes(tensor, data, path);
        checkData(tensor, data.byteLength, bytes, path);
        await write(data);
        continue;
      }
      let written = 0;
      for await (const part of data) {
        checkBytes(tensor, part, path);
        written += part.byteLength;
        if (written <= bytes) await write(part);
      }
      checkData(tensor, written, bytes, path);
    }
  });
}

function isParts(data: Uint8Array | AsyncIterable<Uint8Array>): data is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in Object(data);
}

/** Writes a file through `fill` under a temporary name, syncs it and gives it its name; nothing is left on failure. */
export async function replaceFile(
  path: string,
  fill: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const { open, rename, rm } = nodeFs();
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  const handle = await open(temporary, 'wx');
  try {
    await fill(async (bytes) => {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await handle.write(bytes, done, Math.min(WRITE_BYTES, bytes.length - done));
        done += bytesWritten;
      }
    });
    await handle.sync();
    await handle.close();
    await rename(temporary, path);
  } catch (error) {
    await handle.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}
