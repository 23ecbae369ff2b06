/** @file float32 values to F32, F16, BF16 and Q8_0, bit for bit as gguf-py's `quantize`. */
import { halfOf } from '../half.js';

/** Types that are written. */
export type WrittenType = 'F32' | 'F16' | 'BF16' | 'Q8_0';

/** Values of a block of Q8_0. */
const Q8_VALUES = 32;

/** Whether rows of this many values can be of the type. */
export function fits(type: WrittenType, row: number): boolean {
  return type !== 'Q8_0' || row % Q8_VALUES === 0;
}

/**
 * The blocks of float32 values, bit for bit as gguf-py's `quantize`: nearest, ties to even in F16 and BF16, away from zero in Q8_0.
 * @param values [n], for Q8_0 a multiple of 32.
 */
export function encodeBlocks(type: WrittenType, values: Float32Array): Uint8Array {
  switch (type) {
    case 'F32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case 'F16':
      return bytesOf(halves(values));
    case 'BF16':
      return bytesOf(brains(values));
    case 'Q8_0':
      return q8(values);
  }
}

function halves(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, halfOf);
}

/** The upper half of float32, rounded to even; a NaN stays one. */
function brains(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (one) =>
    (one & 0x7fffffff) > 0x7f800000 ? (one >>> 16) | 64 : (one + 0x7fff + ((one >>> 16) & 1)) >>> 16,
  );
}

/** Blocks of 32 values in 34 bytes: float16 d = largest / 127, then the values over d, rounded. */
function q8(values: Float32Array): Uint8Array {
  const out = new Uint8Array((values.length / Q8_VALUES) * 34);
  const scratch = new Float32Array(1);
  const bits = new Uint32Array(scratch.buffer);
  for (let from = 0, at = 0; from < values.length; from += Q8_VALUES, at += 34) {
    let largest = 0;
    for (let i = from; i < from + Q8_VALUES; i++) largest = Math.max(largest, Math.abs(values[i]));
    const d = Math.fround(largest / 127);
    const inverse = d === 0 ? 0 : Math.fround(1 / d);
    scratch[0] = d;
    const half = halfOf(bits[0]);
    out[at] = half;
    out[at + 1] = half >>> 8;
    for (let i = 0; i < Q8_VALUES; i++) {
      const scaled = Math.fround(values[from + i] * inverse);
      const size = Math.floor(Math.abs(scaled) + 0.5);
      out[at + 2 + i] = scaled < 0 ? -size : size;
    }
  }
  return out;
}

function bytesOf(numbers: Uint16Array): Uint8Array {
  return new Uint8Array(numbers.buffer);
}
