/**
 * @file 4-bit block quantisation, bit for bit that of bitsandbytes (functional.py quantize_4bit, csrc/cpu_ops.cpp;
 * Dettmers et al. 2023, QLoRA). Nested statistics follow the CUDA search; the CPU library is off by one code in 0.2 %
 * of blocks. Needs no engine.
 */
import { QuantError } from './error.js';
import { floatMean } from './float-mean.js';
import { CODEBOOK, DYNAMIC_MAP, orderedCodes, type QuantType } from './tables.js';

/** Type of the original weight: dequantised values are rounded to it. */
export type FloatDtype = 'float32' | 'bfloat16' | 'float16';

/** A 4-bit matrix in bitsandbytes' form. */
export interface Quantized4bit {
  shape: number[];
  quantType: QuantType;
  /** Consecutive values that share an absmax. The last block may be short. */
  blockSize: number;
  dtype: FloatDtype;
  /** Two codes a byte, the first in the high nibble. [ceil(values / 2)] */
  codes: Uint8Array;
  /** Scale of each block: float32, or codes of {@link DYNAMIC_MAP} when nested. [blocks] */
  absmax: Float32Array | Uint8Array;
  /** Second level of double quantisation: absmax = map[code] * absmax[block of 256] + offset. */
  nested?: { absmax: Float32Array; offset: number };
}

/** Defaults are those of bitsandbytes' quantize_4bit, except the type (`fp4` there). */
export interface Quantize4bitOptions {
  /** Default `nf4`. */
  type?: QuantType;
  /** A power of two, 32 to 4096. Default 64. */
  blockSize?: number;
  /** Quantise the absmax values to 8 bits too. Default false. */
  doubleQuant?: boolean;
  /**
   * Search for nested codes. `cuda` (and torch) take the nearest value of the map. `cpu`, bitsandbytes' CPU library,
   * uses a grid of 65,536 points and is off by one code in about 0.2 % of blocks. Default `cuda`.
   */
  nestedSearch?: 'cuda' | 'cpu';
  /** Type of `values` before they were widened. Default `float32`. */
  dtype?: FloatDtype;
  /** Quantises blocks faster, with the same bits: `engineBlocks` of `@arena/quant/ops`. Default none. */
  blocks?: BlockQuantizer;
}

/** Tables for a block's codes. */
export interface BlockTables {
  /** The 16 codes in ascending order of their values. */
  order: Uint8Array;
  /** The 15 midpoints between them. */
  midpoints: Float32Array;
  /** Smallest divisor. */
  smallest: number;
}

/**
 * Writes codes and absmax of some leading whole blocks. The absmax of a block that holds NaN is NaN.
 * @returns the number of blocks done, 0 where it cannot do any.
 */
export type BlockQuantizer = (
  values: Float32Array,
  blockSize: number,
  tables: BlockTables,
  codes: Uint8Array,
  absmax: Float32Array,
) => number;

/** Number of Number of absmax codes that share a nested absmax. */
export const NESTED_BLOCK_SIZE = 256;

// bitsandbytes clamps the divisor: blocks of zeros and subnormals stay finite.
const SMALLEST_DIVISOR = Math.fround(1e-38);

/**
 * Quantises `values` (float32, row-major) of the given shape.
 * @throws QuantError when the type or block size is unknown, the shape does not match, or a value is NaN or infinite.
 * @example
 * const quantized = quantize4bit(values, [64, 128], { type: 'nf4', doubleQuant: true });
 * const rounded = dequantize4bit(quantized);
 */
export function quantize4bit(values: Float32Array, shape: number[], options: Quantize4bitOptions = {}): Quantized4bit {
  const { type = 'nf4', blockSize = 64, doubleQuant = false, nestedSearch, dtype = 'float32' } = options;
  if (!(type in CODEBOOK)) throw new QuantError('argument', `quantisation type '${type}' is not known: use nf4 or fp4`);
  if (![32, 64, 128, 256, 512, 1024, 2048, 4096].includes(blockSize)) {
    throw new QuantError('argument', `block size ${blockSize} is not a power of two from 32 to 4096`);
  }
  const count = shape.reduce((a, b) => a * b, 1);
  if (count !== values.length)
    throw new QuantError('argument', `shape [${shape}] wants ${count} values, got ${values.length}`);
  const { codes: order, midpoints } = orderedCodes(CODEBOOK[type]);
  const blocks = Math.ceil(count / blockSize);
  const absmax = new Float32Array(blocks);
  const codes = new Uint8Array(Math.ceil(count / 2));
  const tables = { order, midpoints, smallest: SMALLEST_DIVISOR };
  const done = options.blocks?.(values, blockSize, tables, codes, absmax) ?? 0;
  for (let block = 0; block < blocks; block++) {
    const begin = block * blockSize;
    const end = Math.min(count, begin + blockSize);
    const max = block < done ? absmax[block] : largestMagnitude(values, begin, end);
    if (!Number.isFinite(max))
      throw new QuantError('values', `value ${firstNonFinite(values, begin, end)} is not finite`);
    if (block < done) continue;
    const divisor = Math.max(max, SMALLEST_DIVISOR);
    const full = end - begin === blockSize;
    absmax[block] = full ? max : divisor;
    const reciprocal = Math.fround(1 / divisor);
    for (let i = begin; i < end; i++) {
      const scaled = Math.fround(full ? values[i] * reciprocal : values[i] / divisor);
      codes[i >> 1] |= order[countBelow(midpoints, scaled)] << (i & 1 ? 0 : 4);
    }
  }
  if (count & 1) codes[count >> 1] |= order[countBelow(midpoints, 0)]; // the spare nibble holds the code of zero
  const quantized: Quantized4bit = { shape: [...shape], quantType: type, blockSize, dtype, codes, absmax };
  if (!doubleQuant) return quantized;
  const { codes: absmaxCodes, ...nested } = quantizeAbsmax(absmax, { search: nestedSearch });
  return { ...quantized, absmax: absmaxCodes, nested };
}

const nestedOrder = /* @__PURE__ */ orderedCodes(DYNAMIC_MAP);

/** The offset of the absmax values, and the search for their codes. */
export interface QuantizeAbsmaxOptions {
  /** Default the mean of `absmax` with the bits of torch on one thread: {@link floatMean}. */
  offset?: number;
  /** See {@link Quantize4bitOptions.nestedSearch}. */
  search?: 'cuda' | 'cpu';
}

/** The second level of double quantisation. absmax [blocks] -> codes [blocks], nested absmax [ceil(blocks / 256)]. */
export function quantizeAbsmax(
  absmax: Float32Array,
  options: QuantizeAbsmaxOptions = {},
): { codes: Uint8Array; absmax: Float32Array; offset: number } {
  const { search = 'cuda', offset = floatMean(absmax) } = options;
  const blocks = Math.ceil(absmax.length / NESTED_BLOCK_SIZE);
  const nested = new Float32Array(blocks);
  const codes = new Uint8Array(absmax.length);
  const centred = absmax.map((value) => value - offset);
  for (let block = 0; block < blocks; block++) {
    const begin = block * NESTED_BLOCK_SIZE;
    const end = Math.min(absmax.length, begin + NESTED_BLOCK_SIZE);
    nested[block] = largestMagnitude(centred, begin, end);
    if (search === 'cpu' && nested[block] === 0) continue; // the CPU library leaves code 0 there
    const divisor = Math.max(nested[block], SMALLEST_DIVISOR);
    const multiply = end - begin === NESTED_BLOCK_SIZE || search === 'cpu';
    const reciprocal = Math.fround(1 / divisor);
    for (let i = begin; i < end; i++) {
      const scaled = Math.fround(multiply ? centred[i] * reciprocal : centred[i] / divisor);
      codes[i] = countBelow(nestedOrder.midpoints, search === 'cpu' ? onGrid(scaled) : scaled);
    }
  }
  return { codes, absmax: nested, offset };
}

const GRID_STEPS = 65535;

/** The grid point in [-1, 1] that bitsandbytes' CPU library uses for `value`, in its float32 steps. */
function onGrid(value: number): number {
  const clamped = Math.max(-1, Math.min(1, value));
  const index = Math.floor(Math.fround(Math.fround(Math.fround(Math.fround(clamped + 1) * 0.5) * GRID_STEPS) + 0.5));
  return Math.fround(-1 + Math.fround((2 * index) / GRID_STEPS));
}

function largestMagnitude(values: Float32Array, begin: number, end: number): number {
  let max = 0;
  for (let i = begin; i < end; i++) {
    const magnitude = Math.abs(values[i]);
    if (magnitude <= max) continue;
    if (Number.isNaN(magnitude)) return magnitude; // no later value may replace it
    max = magnitude;
  }
  return max;
}

function firstNonFinite(values: Float32Array, begin: number, end: number): string {
  for (let i = begin; i < end; i++) if (!Number.isFinite(values[i])) return `${i} (${values[i]})`;
  return `${begin}`;
}

/** How many of the ascending `limits` lie below `value`. */
function countBelow(limits: Float32Array, value: number): number {
  let low = 0;
  let high = limits.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value > limits[middle]) low = middle + 1;
    else high = middle;
  }
  return low;
}
