/** @file BatchMatMul. */
import { EngineError } from '@arena/runtime';
import { cudaFloat, cudaMultiply } from '@arena/runtime/cuda';
import { broadcast_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { fill } from './elementwise.js';
import type { PlainKernel } from './kernel.js';
import { transpose } from './shape.js';

/** Batches of a launch along z. */
const MOST_BATCHES = 65535;

export const matmulKernels: { [name: string]: PlainKernel } = {
  BatchMatMul: ({ inputs, attrs: { transposeA, transposeB }, backend }) => {
    const { b } = inputs as { [name: string]: TensorInfo };
    // both transposed has no kernel of its own
    const turned = transposeA && transposeB;
    const a: TensorInfo = turned ? transpose(backend, inputs.a, swapLast(inputs.a.shape.length)) : inputs.a;
    const [rowsA, columnsA] = a.shape.slice(-2);
    const [rowsB, columnsB] = b.shape.slice(-2);
    const form = transposeB ? 'nt' : transposeA ? 'tn' : 'nn';
    const [m, k] = form === 'tn' ? [columnsA, rowsA] : [rowsA, columnsA];
    const [n, inner] = form === 'nt' ? [rowsB, columnsB] : [columnsB, rowsB];
    util.assert(
      inner === k,
      () => `matMul: inner dimensions ${k} and ${inner} of [${inputs.a.shape}] and [${b.shape}] differ`,
    );
    const lead = broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const shape = [...lead, m, n];
    const batches = util.sizeFromShape(lead);
    if (batches > MOST_BATCHES)
      throw new EngineError('limit', `engine 'cuda': a product of ${batches} matrices, ${MOST_BATCHES} are the most`);
    if (k === 0) return fill(backend, shape, 'float32', 0);
    const params = {
      batchA: util.sizeFromShape(a.shape.slice(0, -2)),
      batchB: util.sizeFromShape(b.shape.slice(0, -2)),
    };
    return cudaMultiply(backend.launcher, { form, a, b: { ...cudaFloat(b), params }, m, n, k, shape });
  },
};

function swapLast(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
}
