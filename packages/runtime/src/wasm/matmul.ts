/** @file tfjs's BatchMatMul (`tf.matMul`) on the engine's own matrix product. */

import {
  BatchMatMul,
  type BatchMatMulAttrs,
  broadcast_util,
  getKernel,
  type KernelBackend,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { EngineError } from '../error.js';
import { wasmBackend } from './backend.js';
import { multiply } from './gemm.js';

/** Kernel function of BatchMatMul: a [..., m, k] times b [..., k, n], each optionally stored transposed. */
export function batchMatMul(call: {
  inputs: { a: TensorInfo; b: TensorInfo };
  attrs: BatchMatMulAttrs;
  backend: KernelBackend;
}): TensorInfo | TensorInfo[] {
  const { a, b } = call.inputs;
  const { transposeA, transposeB } = call.attrs;
  if (a.dtype !== 'float32' || b.dtype !== 'float32') {
    // products of integers are rare: tfjs-backend-cpu does them
    return getKernel(BatchMatMul, 'cpu').kernelFunc(
      call as unknown as Parameters<ReturnType<typeof getKernel>['kernelFunc']>[0],
    );
  }
  const backend = wasmBackend(call.backend);
  const [aRows, aColumns] = a.shape.slice(-2);
  const [bRows, bColumns] = b.shape.slice(-2);
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [inner, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (k !== inner) {
    throw new EngineError(
      'tensor',
      `matMul: inner sizes ${k} and ${inner} of shapes [${a.shape}] and [${b.shape}] differ`,
    );
  }
  const batchA = util.sizeFromShape(a.shape.slice(0, -2));
  const batchB = util.sizeFromShape(b.shape.slice(0, -2));
  const outer = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const pointerA = backend.pointer(a);
  const pointerB = backend.pointer(b);
  const { pointer: c, ...output } = backend.output([...outer, m, n]);
  const batches = util.sizeFromShape(outer);
  for (let i = 0; i < batches; i++) {
    multiply(backend, {
      a: { pointer: pointerA + 4 * (i % batchA) * m * k, m, k, transpose: transposeA },
      b: pointerB + 4 * (i % batchB) * k * n,
      c: c + 4 * i * m * n,
      n,
      transposeB,
    });
  }
  return output;
}
