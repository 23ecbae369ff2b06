/** @file Tensor bytes to float32 and back: half precision, bfloat16, float8, whole numbers. */
import type { Dtype } from './dtype.js';
import { SafetensorsError } from './error.js';
import type { SafeTensor } from './reader.js';

/** Types that {@link fromFloat32} writes. */
export type FloatDtype = 'F64' | 'F32' | 'F16' | 'BF16';

const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/**
 * A tensor's values as float32 [elements]. F32 is a view of the tensor's bytes where aligned, everything else a new
 * array. F16, BF16 and F8 are exact; F64 and whole numbers beyond 2^24 are rounded to the nearest even. BOOL gives 0,
 * 1.
 */
export function toFloat32(tensor: Pick<SafeTensor, 'dtype' | 'data'>): Float32Array {
  const { dtype, data } = tensor;
  switch (dtype) {
    case 'F32':
      return viewOf(Float32Array, data);
    case 'F64':
      return Float32Array.from(viewOf(Float64Array, data));
    case 'BF16': {
      const out = new Uint32Array(data.length >> 1);
      const bits = viewOf(Uint16Array, data);
      for (let i = 0; i < out.length; i++) out[i] = bits[i] << 16;
      return new Float32Array(out.buffer);
    }
    case 'F16':
      return lookUp(viewOf(Uint16Array, data), f16Table());
    case 'F8_E4M3':
      return lookUp(
        data,
        Float32Array.from({ length: 256 }, (_, code) => decodeF8(code, 4)),
      );
    case 'F8_E5M2':
      return lookUp(
        data,
        Float32Array.from({ length: 256 }, (_, code) => decodeF8(code, 5)),
      );
    case 'I64':
      return Float32Array.from(viewOf(BigInt64Array, data), Number);
    case 'U64':
      return Float32Array.from(viewOf(BigUint64Array, data), Number);
    case 'I32':
      return Float32Array.from(viewOf(Int32Array, data));
    case 'U32':
      return Float32Array.from(viewOf(Uint32Array, data));
    case 'I16':
      return Float32Array.from(viewOf(Int16Array, data));
    case 'U16':
      return Float32Array.from(viewOf(Uint16Array, data));
    case 'I8':
      return Float32Array.from(viewOf(Int8Array, data));
    case 'U8':
    case 'BOOL':
      return Float32Array.from(data);
  }
}

/**
 * Bytes of `values` in a floating-point type, rounded to nearest even; beyond the largest F16 becomes infinity, NaN
 * stays NaN. F32 shares memory with `values`.
 * @throws SafetensorsError for a type other than F64, F32, F16 and BF16.
 */
export function fromFloat32(values: Float32Array, dtype: Dtype): Uint8Array {
  switch (dtype) {
    case 'F32':
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case 'F64':
      return new Uint8Array(Float64Array.from(values).buffer);
    case 'BF16':
      return encode16(values, encodeBf16);
    case 'F16':
      return encode16(values, encodeF16);
    default:
      throw new SafetensorsError(
        'argument',
        `float32 values cannot be written as ${dtype}; use F64, F32, F16 or BF16`,
        'values',
      );
  }
}

function encode16(values: Float32Array, encode: (bits: number) => number): Uint8Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = encode(bits[i]);
  return new Uint8Array(out.buffer);
}

/** Nearest bfloat16, ties to even, of float32 bits. */
function encodeBf16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // NaN: keep it one after the cut
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** Nearest float16, ties to even, of float32 bits. */
function encodeF16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and above: at least half a step beyond the largest
  if (magnitude < 0x38800000) {
    // Below 2^-14 the result counts steps of 2^-24; 2^-24 * 2^23 = 1/2 makes the float32 adder do the rounding.
    word[0] = magnitude;
    real[0] = real[0] + 0.5;
    return sign | (word[0] - 0x3f000000);
  }
  const rebased = magnitude - 0x38000000; // exponent bias 127 to 15
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
}

let halves: Float32Array | undefined;

/** Value of each of the 65,536 float16 codes. */
function f16Table(): Float32Array {
  if (halves) return halves;
  const bits = new Uint32Array(65536);
  const values = new Float32Array(bits.buffer);
  for (let code = 0; code < 65536; code++) {
    const sign = (code & 0x8000) << 16;
    const exponent = (code >> 10) & 31;
    const fraction = code & 1023;
    if (exponent === 0) values[code] = (sign ? -1 : 1) * fraction * 2 ** -24;
    else bits[code] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
  }
  halves = values;
  return values;
}

/** float8: E4M3 without infinities (0x7f is NaN, largest 448), E5M2 as IEEE. */
function decodeF8(code: number, exponentBits: 4 | 5): number {
  const fractionBits = 7 - exponentBits;
  const sign = code & 0x80 ? -1 : 1;
  const exponent = (code & 0x7f) >> fractionBits;
  const fraction = (code & ((1 << fractionBits) - 1)) / (1 << fractionBits);
  const bias = exponentBits === 4 ? 7 : 15;
  if (exponentBits === 4 && (code & 0x7f) === 0x7f) return Number.NaN;
  if (exponentBits === 5 && exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

function lookUp(codes: ArrayLike<number>, table: Float32Array): Float32Array {
  const out = new Float32Array(codes.length);
  for (let i = 0; i < out.length; i++) out[i] = table[codes[i]];
  return out;
}

interface ViewType<T> {
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

/** `data` as another typed array: a view when its offset allows, else a view of a copy. */
function viewOf<T>(Type: ViewType<T>, data: Uint8Array): T {
  const width = Type.BYTES_PER_ELEMENT;
  const aligned = data.byteOffset % width === 0 ? data : data.slice();
  return new Type(aligned.buffer, aligned.byteOffset, Math.floor(data.length / width));
}
