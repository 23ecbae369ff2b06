/** @file Writes a .safetensors file, one tensor at a time. */
import { type FillFile, replaceFile } from '@arena/files/write';
import { checkBytes, checkData, layoutTensors, type Metadata, PYTORCH_METADATA, type TensorSpec } from './serialize.js';

/** A tensor to write; a function is called when its turn comes, so that memory holds one tensor, or one part of it. */
export interface TensorInput extends TensorSpec {
  data: Uint8Array | (() => Uint8Array | Promise<Uint8Array> | AsyncIterable<Uint8Array>);
}

/**
 * Writes a .safetensors file, byte for byte as the reference writer: under a temporary name beside it, synced, renamed.
 * @throws SafetensorsError as `serialize`; the system's error when the disk refuses. The old file then stays as it was.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorInput[],
  metadata: Metadata = PYTORCH_METADATA,
): Promise<void> {
  await replaceFile(path, fillSafetensors(tensors, metadata, path));
}

/**
 * A function that writes the bytes of a .safetensors file. The header is laid out and checked at once.
 * @param file Name in messages.
 */
export function fillSafetensors(tensors: readonly TensorInput[], metadata: Metadata, file: string): FillFile {
  const { header, order } = layoutTensors(tensors, metadata, file);
  return async (write) => {
    await write(header);
    for (const { tensor, bytes } of order) {
      let written = 0;
      for await (const part of partsOfInput(tensor)) {
        checkBytes(tensor, part, file);
        written += part.byteLength;
        if (written <= bytes) await write(part);
      }
      checkData(tensor, written, bytes, file);
    }
  };
}

/** The data of a tensor to write, in parts. */
export async function* partsOfInput({ data }: TensorInput): AsyncGenerator<Uint8Array> {
  const made = typeof data === 'function' ? await data() : data;
  if (isParts(made)) yield* made;
  else yield made;
}

function isParts(data: Uint8Array | AsyncIterable<Uint8Array>): data is AsyncIterable<Uint8Array> {
  return Symbol.asyncIterator in Object(data);
}
