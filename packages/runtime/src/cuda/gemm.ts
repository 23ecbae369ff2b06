/**
 * @file Matrix products on engine `cuda`: C = scale (A B + low.scale mask o (A2 B2)) + residual, in one launch. The
 * second matrix has its own kernels: filling a tile decodes a 4-bit matrix, which is never stored decoded.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { fitsBf16, maskParams, multiplyCublasLt, multiplyWgmma, roundedAcross, roundedAlong } from './gemm-bf16.js';
import { type CudaKernel, type CudaScalar, cudaKernel } from './kernel.js';
import type { CudaLaunch, CudaLauncher } from './launcher.js';
import { isNarrow, multiplyNarrow } from './narrow.js';
import { ptx } from './own-ptx.js';
import type { CudaText } from './ptx.js';

/** How A and B lie in memory: `nt` [M, K] and [N, K]; `nn` [M, K] and [K, N]; `tn` [K, M] and [K, N]. */
export type CudaForm = 'nt' | 'nn' | 'tn';

/**
 * Rows and columns of C per block. `mma`: 128 on tensor cores, with factors rounded to bfloat16 when a tile is filled.
 */
export type CudaTile = 64 | 128 | 'mma';

/**
 * Algorithm of a product: in tiles; `narrow`, for float32 matrices with a narrow one; on Hopper's tensor cores or by
 * cuBLASLt, after rounding the factors to bfloat16 in memory.
 */
export type CudaWay = CudaTile | 'narrow' | 'wgmma' | 'cublasLt';

/** Fewest blocks for large tiles: fewer leave most of a large GPU idle. */
const FEW_BLOCKS = 96;
/** Smallest sizes for rounding or decoding the whole second matrix first. Below, it takes longer than it saves. */
const FEW_ROWS = 128;
const THREADS = 256;
const SUFFIX = { nt: 'Nt', nn: 'Nn', tn: 'Tn' } as const;

/** A product's existing kernels by form and tile. */
export type ProductKernels = { readonly [form in CudaForm]?: { readonly [tile in CudaTile]?: CudaKernel } };

/**
 * Declares the kernels `<name>Nt64`, `<name>NtMma` and so on, of the given forms. A .cu file instantiates them from the
 * template in gemm.cuh. Their arguments are A, the inputs of the second matrix, then the product's, then the numbers of
 * the second matrix.
 */
export function productKernels(
  ptx: CudaText,
  name: string,
  forms: readonly CudaForm[],
  second: { inputs: readonly string[]; optional?: readonly string[]; params: { readonly [name: string]: CudaScalar } },
  tiles: readonly CudaTile[] = [64, 128, 'mma'],
): ProductKernels {
  const declare = (form: CudaForm, tile: CudaTile) =>
    cudaKernel({
      ptx,
      name: `${name}${SUFFIX[form]}${tile === 'mma' ? 'Mma' : tile}`,
      inputs: ['a', ...second.inputs],
      optional: [...(second.optional ?? []), 'lowA', 'lowB', 'residual'],
      outputs: ['c'],
      params: {
        m: 'u32',
        n: 'u32',
        k: 'u32',
        lowK: 'u32',
        scale: 'f32',
        lowScale: 'f32',
        seed: 'u32',
        stream: 'u32',
        threshold: 'u32',
        factor: 'f32',
        ...second.params,
      },
      threads: THREADS,
    });
  const byTile = (form: CudaForm) => Object.fromEntries(tiles.map((tile) => [tile, declare(form, tile)]));
  return Object.fromEntries(forms.map((form) => [form, byTile(form)]));
}

const float = { inputs: ['b'], params: { batchA: 'u32', batchB: 'u32' } } as const;
const floatKernels = productKernels(ptx, 'multiply', ['nt', 'nn', 'tn'], float);

/** The second matrix of a product. */
export interface CudaOperand {
  kernels: ProductKernels;
  inputs: CudaLaunch['inputs'];
  params: CudaLaunch['params'];
  /**
   * The matrix as [N, K] in bfloat16, two values per word, as a new tensor. `across`: stored as [K, N]; otherwise with
   * `room` for more columns.
   */
  bf16?: (launcher: CudaLauncher, across: boolean, room?: number) => TensorInfo;
}

/** A float32 matrix as the second factor. */
export function cudaFloat(b: TensorInfo): CudaOperand {
  const [rows, columns] = b.shape;
  return {
    kernels: floatKernels,
    inputs: { b },
    params: { batchA: 1, batchB: 1 },
    bf16: (launcher, across, room) =>
      across ? roundedAcross(launcher, b, rows, columns) : roundedAlong(launcher, b, rows, columns, room),
  };
}

/** A dropout mask by the flat index of its matrix: 0 where hash < floor(p 2^32), else 1 / (1 - p). */
export interface CudaMask {
  p: number;
  seed: number;
  stream: number;
}

/** A product for {@link cudaMultiply}. */
export interface CudaProduct {
  form: CudaForm;
  a: TensorInfo;
  b: CudaOperand;
  m: number;
  n: number;
  k: number;
  /** Default 1. */
  scale?: number;
  /** A second product of the same form to add. */
  low?: { a: TensorInfo; b: TensorInfo; k: number; scale: number };
  /**
   * A mask, and its target: a float32 A (form `nt`) or B (`tn`) without a second product, or the second product (`nn`).
   */
  mask?: CudaMask & { on: 'a' | 'b' | 'low' };
  /** Matrix to add to the result. [M, N] */
  residual?: TensorInfo;
  /** Shape of the result (default [M, N]); its leading dimensions are batches of float32 matrices. */
  shape?: number[];
  /** Default: chosen by size and hardware. */
  way?: CudaWay;
}

/** The form with kernels for a mask there. */
const MASKED_FORM = { a: 'nt', b: 'tn', low: 'nn' } as const;

/** Launches a product. @returns C; the caller owns it. */
export function cudaMultiply(launcher: CudaLauncher, product: CudaProduct): TensorInfo {
  const { form, mask } = product;
  if (mask && MASKED_FORM[mask.on] !== form) {
    throw new Error(`cudaMultiply: a mask on '${mask.on}' belongs to form '${MASKED_FORM[mask.on]}', not '${form}'`);
  }
  const way = product.way ?? wayOf(launcher, product);
  if (way === 'narrow') return multiplyNarrow(launcher, product, product.b.inputs.b as TensorInfo);
  if (way === 'wgmma') return multiplyWgmma(launcher, product);
  if (way === 'cublasLt') {
    return multiplyCublasLt(launcher, product, () => multiplyTiled(launcher, { ...product, k: 0 }, 64));
  }
  return multiplyTiled(launcher, product, way);
}

function wayOf(launcher: CudaLauncher, product: CudaProduct): CudaWay {
  const { m, n, b, mask, shape = [m, n] } = product;
  const batches = shape.slice(0, -2).reduce((count, size) => count * size, 1);
  const blocks = Math.ceil(m / 128) * Math.ceil(n / 128) * batches;
  if ((mask && mask.on !== 'low') || (b.kernels === floatKernels && isNarrow(product))) return 'narrow';
  if (launcher.bf16 && m >= FEW_ROWS && fitsBf16(product)) {
    if (launcher.cublasLt) return 'cublasLt';
    if (launcher.wgmma) return 'wgmma';
  }
  if (blocks < FEW_BLOCKS) return 64;
  return launcher.bf16 ? 'mma' : 128;
}

function multiplyTiled(launcher: CudaLauncher, product: CudaProduct, tile: CudaTile): TensorInfo {
  const { form, a, b, m, n, k, scale = 1, low, mask, residual, shape = [m, n] } = product;
  const batches = shape.slice(0, -2).reduce((count, size) => count * size, 1);
  const kernel = b.kernels[form]?.[tile];
  if (!kernel) throw new Error(`cudaMultiply: the second matrix has no kernel for form '${form}' and tile ${tile}`);
  const side = tile === 'mma' ? 128 : tile;
  const [c] = launcher.run(kernel, {
    inputs: { a, ...b.inputs, lowA: low?.a, lowB: low?.b, residual },
    outputs: { c: shape },
    params: {
      ...{ m, n, k, scale, lowK: low?.k ?? 0, lowScale: low?.scale ?? 0 },
      ...maskParams(mask),
      ...b.params,
    },
    grid: [Math.ceil(n / side), Math.ceil(m / side), batches],
  });
  return c;
}
