/**
 * @file Products on engine `cuda` with a narrow matrix, such as those with an adapter's A and B: limited by reading the
 * wide one, which may have a mask.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { CudaProduct } from './gemm.js';
import { maskParams } from './gemm-bf16.js';
import { cudaKernel } from './kernel.js';
import type { CudaLauncher } from './launcher.js';
import { ptx } from './own-ptx.js';

const numbers = {
  m: 'u32',
  n: 'u32',
  k: 'u32',
  scale: 'f32',
  seed: 'u32',
  stream: 'u32',
  threshold: 'u32',
  factor: 'f32',
} as const;
const declare = (name: string, threads: number, more = {}) =>
  cudaKernel({ ptx, name, inputs: ['x', 'w'], outputs: ['c'], threads, params: { ...numbers, ...more } });
const transposed = { transposed: 'u32' } as const;

/**
 * C [m, n] = X W^T for a narrow W [n, k]; or [k, n] (`rowsAcross`). C [n, m], or its transpose, = W^T X for a narrow W
 * [k, n] (`columns`).
 */
const float = {
  rows: declare('narrowRows', 512),
  rowsAcross: declare('narrowRowsAcross', 512),
  columns: declare('narrowColumns', 512, transposed),
};
/** The same on tensor cores. */
const mma = {
  rows: declare('narrowRowsMma', 256),
  rowsAcross: declare('narrowRowsAcrossMma', 256),
  columns: declare('narrowColumnsMma', 512, transposed),
};

/** Columns of the narrow matrix, rows of C and columns of C per block. */
const [NARROW, ROWS, COLUMNS] = [16, 16, 32];
/** Most columns of a narrow matrix, and the smallest worthwhile inner dimension. */
const [MOST, LEAST_INNER] = [64, 128];

/** Whether a product of float32 matrices has a narrow one and no addends. */
export function isNarrow({ form, m, n, k, low, residual, shape = [] }: CudaProduct): boolean {
  const narrow = form === 'tn' ? Math.min(m, n) : n;
  return narrow <= MOST && k >= LEAST_INNER && !low && !residual && shape.length <= 2;
}

/** C of `cudaMultiply` for a float32 `b`. [M, N] */
export function multiplyNarrow(launcher: CudaLauncher, product: CudaProduct, b: TensorInfo): TensorInfo {
  const { form, a, m, n, k, scale = 1, mask } = product;
  const params = { k, scale, ...maskParams(mask) };
  if (form !== 'tn') {
    const kernels = launcher.bf16 && n % NARROW === 0 && k % 16 === 0 ? mma : float;
    return launcher.run(form === 'nt' ? kernels.rows : kernels.rowsAcross, {
      inputs: { x: a, w: b },
      outputs: { c: [m, n] },
      params: { ...params, m, n },
      grid: [Math.ceil(m / ROWS), Math.ceil(n / NARROW)],
    })[0];
  }
  // the masked matrix is the wide one
  const across = !mask && n < m;
  const [wide, narrow] = across ? [m, n] : [n, m];
  const kernels = launcher.bf16 && wide % COLUMNS === 0 && narrow % NARROW === 0 ? mma : float;
  return launcher.run(kernels.columns, {
    inputs: across ? { x: a, w: b } : { x: b, w: a },
    outputs: { c: [m, n] },
    params: { ...params, m: wide, n: narrow, transposed: across ? 1 : 0 },
    grid: [Math.ceil(wide / COLUMNS), Math.ceil(narrow / NARROW)],
  })[0];
}
