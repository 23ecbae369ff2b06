/** @file Types of tfjs's plain ops on this engine, and strides. */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { CudaBackend } from '../backend.js';
import { CudaError } from '../error.js';

/** A kernel as tfjs's registry calls it, with the attributes that the op's documentation names. */
export type PlainKernel = (call: {
  // biome-ignore lint/suspicious/noExplicitAny: tfjs types neither the inputs (a record, or a list for Concat) nor the attributes
  inputs: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  attrs: any;
  backend: CudaBackend;
}) => TensorInfo | TensorInfo[];

/** Threads of a block in kernels with one value a thread. */
export const THREADS = 256;

/** The grid of such a kernel. */
export function gridOf(count: number): number[] {
  return [Math.ceil(count / THREADS)];
}

/** Distance between neighbours along each axis. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis];
  }
  return strides;
}

/** Strides that broadcast a tensor to a larger shape: 0 along missing axes. */
export function broadcastStrides(shape: readonly number[], over: readonly number[]): number[] {
  const own = stridesOf(shape);
  const missing = over.length - shape.length;
  return over.map((_, axis) => (axis < missing || shape[axis - missing] === 1 ? 0 : own[axis - missing]));
}

/** A walk over a shape by several sets of strides. */
export interface Walk {
  shape: number[];
  strides: number[][];
}

/**
 * The same walk with as few axes as possible: merges neighbours that are contiguous in every set.
 * @throws CudaError when more than six axes are left: the kernels take six.
 */
export function collapse(shape: readonly number[], strides: readonly (readonly number[])[]): Walk {
  const walk: Walk = { shape: [], strides: strides.map(() => []) };
  for (const [axis, size] of shape.entries()) {
    if (size === 1) continue;
    const last = walk.shape.length - 1;
    const joins = last >= 0 && strides.every((set, s) => walk.strides[s][last] === set[axis] * size);
    if (joins) walk.shape[last] *= size;
    else walk.shape.push(size);
    const at = walk.shape.length - 1;
    for (const [s, set] of strides.entries()) walk.strides[s][at] = set[axis];
  }
  if (walk.shape.length > 6) {
    throw new CudaError(`engine 'cuda': a tensor [${shape}] has more axes than the six that plain ops take`);
  }
  return walk;
}
