/**
 * @file Large products on engine `cuda` with both factors rounded to bfloat16 in temporary memory: by the engine's own
 * kernel for Hopper, or by NVIDIA's cuBLASLt where installed.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { CudaProduct } from './gemm.js';
import { type CudaKernel, cudaKernel } from './kernel.js';
import type { CudaLaunch, CudaLauncher } from './launcher.js';
import { ptx } from './own-ptx.js';

/** Rows and columns of C that a block of {@link wgmma} takes. */
const SIDE = 192;
/** Two factors of 64 of the inner dimension, in four stages, and padding to a multiple of 1024 bytes. */
const SHARED_BYTES = 4 * 2 * SIDE * 128 + 1024;

const wgmma = cudaKernel({
  ptx,
  name: 'multiplyWgmma',
  inputs: ['a', 'b'],
  optional: ['lowA', 'lowB', 'residual'],
  outputs: ['c'],
  params: {
    m: 'u32',
    n: 'u32',
    k: 'u32',
    lowK: 'u32',
    lowAcross: 'u32',
    scale: 'f32',
    lowScale: 'f32',
    seed: 'u32',
    stream: 'u32',
    threshold: 'u32',
    factor: 'f32',
  },
  threads: 384,
  sharedBytes: SHARED_BYTES,
  target: 'sm_90a',
});

const round = cudaKernel({
  ptx,
  name: 'roundBf16',
  inputs: ['x'],
  outputs: ['y'],
  params: { count: 'u32', columns: 'u32', stride: 'u32', first: 'u32', scale: 'f32' },
  threads: 256,
});

const roundTransposed = cudaKernel({
  ptx,
  name: 'roundBf16Transposed',
  inputs: ['x'],
  outputs: ['y'],
  params: { rows: 'u32', columns: 'u32' },
  threads: 256,
});

/** Values per thread of the kernels that round or decode in memory order. */
const EIGHT = 8;
/** Rows and columns per block of the kernels that transpose. */
const TRANSPOSED_SIDE = 64;

/** Whether both factors can be read by 16 bytes, and transposed in pairs. */
export function fitsBf16({ form, b, m, n, k, shape, mask }: CudaProduct): boolean {
  const plain = !shape || shape.length === 2;
  const unmasked = !mask || mask.on === 'low';
  return form !== 'tn' && plain && unmasked && Boolean(b.bf16) && m > 0 && n % EIGHT === 0 && k % EIGHT === 0;
}

/** C of `cudaMultiply`, by the kernel for Hopper. [M, N] */
export function multiplyWgmma(launcher: CudaLauncher, product: CudaProduct): TensorInfo {
  const { form, m, n, k, scale = 1, low, mask, residual } = product;
  return inBf16(launcher, product, (a, b) =>
    launcher.run(wgmma, {
      inputs: { a, b, lowA: low?.a, lowB: low?.b, residual },
      outputs: { c: [m, n] },
      params: {
        ...{ m, n, k, scale, lowK: low?.k ?? 0, lowAcross: form === 'nn' ? 1 : 0, lowScale: low?.scale ?? 0 },
        ...maskParams(mask),
      },
      grid: [Math.ceil(n / SIDE) * Math.ceil(m / SIDE)],
    }),
  );
}

/** Runs `multiply` on A [M, K] and B [N, K] in bfloat16, two values to a word. */
function inBf16(
  launcher: CudaLauncher,
  { form, a, b, m, k }: CudaProduct,
  multiply: (a: TensorInfo, b: TensorInfo) => TensorInfo[],
): TensorInfo {
  const [c] = launcher.scope(() => multiply(roundedAlong(launcher, a, m, k), b.bf16!(launcher, form === 'nn')));
  return c;
}

/** C of `cudaMultiply`, by cuBLASLt. `rest` computes all but A B^T. [M, N] */
export function multiplyCublasLt(launcher: CudaLauncher, product: CudaProduct, rest: () => TensorInfo): TensorInfo {
  const { form, a, b, m, n, k, scale = 1, low, residual, mask } = product;
  const multiply = launcher.cublasLt!.multiply;
  if (low && !residual && !mask && form === 'nt' && low.k % EIGHT === 0) {
    // A B^T + s A2 B2^T is [A, s A2] [B, B2]^T
    const [c] = launcher.scope(() => {
      const left = roundedAlong(launcher, a, m, k, low.k);
      const right = b.bf16!(launcher, false, low.k);
      putBeside(launcher, left, k, low.a, low.scale);
      putBeside(launcher, right, k, low.b, 1);
      return [multiply({ a: left, b: right, m, n, k: k + low.k, scale })];
    });
    return c;
  }
  return inBf16(launcher, product, (left, right) => {
    const c = low || residual ? rest() : undefined;
    return [multiply({ a: left, b: right, c, m, n, k, scale })];
  });
}

/** The kernels' parameters for a mask. */
export function maskParams(mask: CudaProduct['mask']): CudaLaunch['params'] {
  return {
    seed: mask?.seed ?? 0,
    stream: mask?.stream ?? 0,
    threshold: mask ? Math.floor(mask.p * 2 ** 32) : 0,
    factor: mask ? 1 / (1 - mask.p) : 1,
  };
}

/** x [rows, columns] in bfloat16: [rows, (columns + room) / 2] words. {@link putBeside} fills the last ones. */
export function roundedAlong(
  launcher: CudaLauncher,
  x: TensorInfo,
  rows: number,
  columns: number,
  room = 0,
): TensorInfo {
  const params = { count: rows * columns, columns, first: 0, scale: 1 };
  return alongMemory(launcher, round, { inputs: { x }, params }, rows, columns, room);
}

/** Writes scale x [rows, columns] after the first `first` columns of y. */
function putBeside(launcher: CudaLauncher, y: TensorInfo, first: number, x: TensorInfo, scale: number): void {
  const [rows, columns] = x.shape;
  const params = { count: rows * columns, columns, stride: first + columns, first, scale };
  const grid = [Math.ceil((rows * columns) / (round.threads * EIGHT))];
  launcher.run(round, { inputs: { x }, outputs: { y }, params, grid });
}

/** x [rows, columns], transposed, in bfloat16: [columns, rows / 2] words. */
export function roundedAcross(launcher: CudaLauncher, x: TensorInfo, rows: number, columns: number): TensorInfo {
  return acrossMemory(launcher, roundTransposed, { inputs: { x }, params: { rows, columns } }, rows, columns);
}

/** Launches a kernel with eight values per thread: a matrix [rows, columns] in bfloat16, with room for more columns. */
export function alongMemory(
  launcher: CudaLauncher,
  kernel: CudaKernel,
  { inputs, params }: Pick<CudaLaunch, 'inputs' | 'params'>,
  rows: number,
  columns: number,
  room = 0,
): TensorInfo {
  const stride = columns + room;
  const y = { shape: [rows, stride / 2], dtype: 'int32' as const };
  const grid = [Math.ceil((rows * columns) / (kernel.threads * EIGHT))];
  return launcher.run(kernel, { inputs, params: { ...params, stride }, outputs: { y }, grid })[0];
}

/** Launches a kernel with 64 x 64 values per block: the transpose of a matrix [rows, columns] in bfloat16. */
export function acrossMemory(
  launcher: CudaLauncher,
  kernel: CudaKernel,
  launch: Pick<CudaLaunch, 'inputs' | 'params'>,
  rows: number,
  columns: number,
): TensorInfo {
  const y = { shape: [columns, rows / 2], dtype: 'int32' as const };
  const grid = [Math.ceil(columns / TRANSPOSED_SIDE), Math.ceil(rows / TRANSPOSED_SIDE)];
  return launcher.run(kernel, { ...launch, outputs: { y }, grid })[0];
}
