/** @file tfjs's GatherV2 (`tf.gather`) for rows of a matrix, row by row; tfjs-backend-cpu goes value by value. */

import {
  GatherV2,
  type GatherV2Attrs,
  getKernel,
  type KernelBackend,
  type TensorInfo,
  type TypedArray,
} from '@tensorflow/tfjs-core';
import { EngineError } from '../error.js';
import { wasmBackend } from './backend.js';

/**
 * Kernel function of GatherV2: x [n, width] float32, indices int32 [m] -> [m, width]; engine `cpu` does anything else.
 */
export function gatherRows(call: {
  inputs: { x: TensorInfo; indices: TensorInfo };
  attrs: GatherV2Attrs;
  backend: KernelBackend;
}): TensorInfo | TensorInfo[] {
  const { x, indices } = call.inputs;
  const { axis, batchDims } = call.attrs;
  const plain = x.shape.length === 2 && indices.shape.length === 1 && axis === 0 && !batchDims;
  if (!plain || x.dtype !== 'float32' || indices.dtype !== 'int32') {
    return getKernel(GatherV2, 'cpu').kernelFunc(
      call as unknown as Parameters<ReturnType<typeof getKernel>['kernelFunc']>[0],
    );
  }
  const backend = wasmBackend(call.backend);
  const [rows, width] = x.shape;
  const list = backend.readSync(indices.dataId) as TypedArray;
  const outside = list.find((row) => row < 0 || row >= rows);
  if (outside !== undefined) throw new EngineError('tensor', `gather: index ${outside} is outside the ${rows} rows`);
  const from = backend.pointer(x);
  const { pointer: to, ...output } = backend.output([list.length, width]);
  const source = backend.heap.view(from, rows * width, 'float32');
  const target = backend.heap.view(to, list.length * width, 'float32');
  for (let i = 0; i < list.length; i++) {
    const row = list[i];
    target.set(source.subarray(row * width, (row + 1) * width), i * width);
  }
  return output;
}
