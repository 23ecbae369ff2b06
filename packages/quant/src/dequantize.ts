/**
 * @file Back from 4 bits to float on the host: codebook[code] * absmax in float32, rounded once to the state's dtype.
 */
import { fromFloat32, toFloat32 } from '@arena/safetensors/tensor';
import { type FloatDtype, NESTED_BLOCK_SIZE, type Quantized4bit } from './quantize.js';
import { CODEBOOK, DYNAMIC_MAP } from './tables.js';

/** The float32 absmax of each block, restored from its nested form if it has one, by the table of its codes. [blocks] */
export function restoreAbsmax(
  { absmax, nested }: Pick<Quantized4bit, 'absmax' | 'nested'>,
  map: Float32Array = DYNAMIC_MAP,
): Float32Array {
  if (!nested) return absmax as Float32Array;
  return Float32Array.from(
    absmax,
    (code, block) => Math.fround(map[code] * nested.absmax[Math.floor(block / NESTED_BLOCK_SIZE)]) + nested.offset,
  );
}

/** Dequantises to float32 values that fit the state's dtype. [product of shape] */
export function dequantize4bit(quantized: Quantized4bit): Float32Array {
  const { shape, quantType, blockSize, codes, dtype } = quantized;
  const count = shape.reduce((a, b) => a * b, 1);
  const absmax = restoreAbsmax(quantized);
  const codebook = CODEBOOK[quantType];
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const code = i & 1 ? codes[i >> 1] & 15 : codes[i >> 1] >> 4;
    out[i] = codebook[code] * absmax[Math.floor(i / blockSize)];
  }
  return roundTo(out, dtype);
}

const SAFETENSORS_DTYPE = { bfloat16: 'BF16', float16: 'F16' } as const;

/** Rounds float32 values to the nearest value of `dtype` (ties to even). Returns values that fit already unchanged. */
export function roundTo(values: Float32Array, dtype: FloatDtype): Float32Array {
  if (dtype === 'float32' || (dtype === 'bfloat16' && fitsBfloat16(values))) return values;
  const stored = SAFETENSORS_DTYPE[dtype];
  return toFloat32({ dtype: stored, data: fromFloat32(values, stored) });
}

/** Whether the lower 16 bits of every value are zero, as in values of a bfloat16 checkpoint. */
function fitsBfloat16(values: Float32Array): boolean {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) if (bits[i] & 0xffff) return false;
  return true;
}
