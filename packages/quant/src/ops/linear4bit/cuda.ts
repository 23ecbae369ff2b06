/** @file Linear4bit on engine `cuda`: filling a tile decodes W, in both orientations from the packed codes. */

import {
  acrossMemory,
  alongMemory,
  type CudaOperand,
  cudaKernel,
  cudaLauncher,
  cudaMultiply,
  productKernels,
} from '@arena/runtime/cuda';
import type { OpKernel } from '@arena/runtime/op';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { ptx } from '../../cuda/ptx.js';
import { CODEBOOK, DYNAMIC_MAP, type QuantType } from '../../tables.js';
import type { Weight4bitAttrs } from '../../weight.js';
import type { Linear4bitAttrs } from './attrs.js';

const weight = {
  inputs: ['codes', 'absmax', 'tables'],
  optional: ['nestedAbsmax'],
  params: { inFeatures: 'u32', outFeatures: 'u32', blockSize: 'u32', nestedOffset: 'f32' },
} as const;
const kernels = productKernels(ptx, 'multiply4bit', ['nt', 'nn'], weight);
/** W, and its transpose, in bfloat16: for one product, where reading it is faster than decoding 4 bits tile by tile. */
const decode = cudaKernel({
  ptx,
  name: 'decode4bit',
  ...weight,
  params: { ...weight.params, stride: 'u32' },
  outputs: ['y'],
  threads: 256,
});
const decodeTransposed = cudaKernel({ ptx, name: 'decode4bitTransposed', ...weight, outputs: ['y'], threads: 256 });

export const linear4bitCuda: OpKernel<Linear4bitAttrs> = ({ inputs, attrs, backend }) => {
  const { transposed, inFeatures, outFeatures } = attrs;
  const [m, k] = inputs.x.shape;
  const product = {
    form: transposed ? 'nn' : 'nt',
    a: inputs.x,
    b: cuda4bit(inputs, attrs),
    m,
    n: transposed ? inFeatures : outFeatures,
    k,
  } as const;
  return [cudaMultiply(cudaLauncher(backend), product)];
};

/**
 * A 4-bit matrix [outFeatures, inFeatures] as the second matrix of a product, from its tensors codes, absmax and
 * nestedAbsmax.
 */
export function cuda4bit(tensors: { [name: string]: TensorInfo }, attrs: Weight4bitAttrs): CudaOperand {
  const { inFeatures, outFeatures, blockSize, quantType, nestedOffset } = attrs;
  const { codes, absmax, nestedAbsmax } = tensors;
  const operand = {
    kernels,
    inputs: {
      codes,
      absmax,
      tables: tablesOf(quantType),
      nestedAbsmax: nestedOffset === undefined ? undefined : nestedAbsmax,
    },
    params: { inFeatures, outFeatures, blockSize, nestedOffset: nestedOffset ?? 0 },
  };
  const decoded: CudaOperand['bf16'] = (launcher, across, room) =>
    across
      ? acrossMemory(launcher, decodeTransposed, operand, outFeatures, inFeatures)
      : alongMemory(launcher, decode, operand, outFeatures, inFeatures, room);
  return { ...operand, bf16: blockSize % 8 === 0 ? decoded : undefined };
}

const tables = new Map<QuantType, Float32Array>();

/** The 16 values of the codes, then the map of nested absmax codes. */
function tablesOf(quantType: QuantType): Float32Array {
  const known = tables.get(quantType) ?? Float32Array.of(...CODEBOOK[quantType], ...DYNAMIC_MAP);
  tables.set(quantType, known);
  return known;
}
