/** @file The whole blocks of a quantisation on engine `wasm`. */
import { BACKEND_OF } from '@arena/runtime/engine';
import { wasmBackend, wasmKernel } from '@arena/runtime/wasm';
import { backend as currentBackend, getBackend } from '@tensorflow/tfjs-core';
import type { BlockQuantizer } from '../../quantize.js';
import { kernels } from '../../wasm/kernels.generated.js';

const quantizeBlocks = wasmKernel({
  module: kernels,
  name: 'quantizeBlocks',
  inputs: ['values', 'tables'],
  outputs: ['codes', 'absmax'],
  params: { count: 'u32', blockSize: 'u32', smallest: 'f32' },
});

/** Values of one task. */
const { VALUES } = quantizeBlocks.constants;
/** Values to copy into the engine's memory at a time: 32 MiB. */
const PIECE = 128 * VALUES;
/** Fewest values for the engine: below, the host is as fast as the copy. */
const FEW_VALUES = 4096;

/**
 * Quantises the leading whole blocks, when `wasm` is the current engine and there are enough. None on other engines.
 */
export const engineBlocks: BlockQuantizer = (values, blockSize, { order, midpoints, smallest }, codes, absmax) => {
  if (values.length < FEW_VALUES || getBackend() !== BACKEND_OF.wasm) return 0;
  const backend = wasmBackend(currentBackend());
  const { heap } = backend;
  const whole = Math.floor(values.length / blockSize) * blockSize;
  const piece = Math.min(PIECE, whole);
  const codesAt = 128 + 4 * piece;
  const absmaxAt = codesAt + piece / 2;
  backend.withMemory(absmaxAt + (4 * piece) / blockSize, (pointer) => {
    heap.view(pointer, midpoints.length, 'float32').set(midpoints);
    heap.view(pointer + 64, order.length, 'bool').set(order);
    for (let start = 0; start < whole; start += piece) {
      const count = Math.min(piece, whole - start);
      heap.view(pointer + 128, count, 'float32').set(values.subarray(start, start + count));
      backend.run(quantizeBlocks, {
        inputs: { values: pointer + 128, tables: pointer },
        outputs: { codes: pointer + codesAt, absmax: pointer + absmaxAt },
        params: { count, blockSize, smallest },
        tasks: Math.ceil(count / VALUES),
      });
      codes.set(heap.view(pointer + codesAt, count / 2, 'bool'), start / 2);
      absmax.set(heap.view(pointer + absmaxAt, count / blockSize, 'float32'), start / blockSize);
    }
  });
  return whole / blockSize;
};
