/** @file The blocks of a GGUF base as integers with a scale each: MatMulNBits multiplies by them as they are. */
import { toFloat32 } from '@arena/safetensors/tensor';

/**
 * Layout of a type: values of a block of the file, its bytes, values that share a scale, bits of a code in the exported file, and the
 * code of zero, without minima.
 */
const LAYOUTS = {
  Q4_0: { values: 32, bytes: 18, group: 32, bits: 4, zero: 8, isHalf: true },
  Q4_1: { values: 32, bytes: 20, group: 32, bits: 4, zero: 0, isHalf: true },
  Q5_0: { values: 32, bytes: 22, group: 32, bits: 5, zero: 16, isHalf: true },
  Q5_1: { values: 32, bytes: 24, group: 32, bits: 5, zero: 0, isHalf: true },
  Q8_0: { values: 32, bytes: 34, group: 32, bits: 8, zero: 128, isHalf: true },
  Q4_K: { values: 256, bytes: 144, group: 32, bits: 4, zero: 0, isHalf: false },
  Q5_K: { values: 256, bytes: 176, group: 32, bits: 5, zero: 0, isHalf: false },
  Q6_K: { values: 256, bytes: 210, group: 16, bits: 8, zero: 128, isHalf: false },
} as const;

/** A type of ggml's blocks that can be exported as it is. */
export type StoredType = keyof typeof LAYOUTS;

/** A matrix as integers: value = scale (code - zero) + minimum, by groups of its inputs. */
export interface Codes {
  /** One a byte [values]. */
  codes: Uint8Array;
  /** [values / group] */
  scales: Float32Array;
  /** [values / group], of types that have them. */
  minima?: Float32Array;
}

export function isStoredType(type: string): type is StoredType {
  return Object.hasOwn(LAYOUTS, type);
}

/** How a type lies in the exported file: `hasMinima` where zero is no code, `isHalf` where scales are float16 exactly. */
export function layoutOf(type: StoredType) {
  return { ...LAYOUTS[type], hasMinima: LAYOUTS[type].zero === 0 };
}

/** The integers of whole blocks. */
export function codesOf(type: StoredType, blocks: Uint8Array): Codes {
  const { values, bytes, group, zero } = LAYOUTS[type];
  const count = (blocks.length / bytes) * values;
  const out: Required<Codes> = {
    codes: new Uint8Array(count),
    scales: new Float32Array(count / group),
    minima: new Float32Array(zero ? 0 : count / group),
  };
  const unpack = UNPACK[type];
  for (let p = 0, at = 0; p < blocks.length; p += bytes, at += values) unpack(blocks, p, out, at);
  return zero ? { codes: out.codes, scales: out.scales } : out;
}

type Unpack = (blocks: Uint8Array, p: number, out: Required<Codes>, at: number) => void;

const UNPACK: Record<StoredType, Unpack> = {
  Q4_0: (blocks, p, out, at) => old(blocks, p, out, at, { minimum: false, fifth: false }),
  Q4_1: (blocks, p, out, at) => old(blocks, p, out, at, { minimum: true, fifth: false }),
  Q5_0: (blocks, p, out, at) => old(blocks, p, out, at, { minimum: false, fifth: true }),
  Q5_1: (blocks, p, out, at) => old(blocks, p, out, at, { minimum: true, fifth: true }),
  Q8_0(blocks, p, { codes, scales }, at) {
    scales[at / 32] = half(blocks, p);
    for (let i = 0; i < 32; i++) codes[at + i] = blocks[p + 2 + i] ^ 128; // signed bytes around 128
  },
  Q4_K: (blocks, p, out, at) => withMinima(blocks, p, out, at, p + 16),
  Q5_K(blocks, p, out, at) {
    withMinima(blocks, p, out, at, p + 48);
    for (let i = 0; i < 256; i++) out.codes[at + i] |= ((blocks[p + 16 + (i & 31)] >> (i >> 5)) & 1) << 4;
  },
  Q6_K(blocks, p, { codes, scales }, at) {
    const d = half(blocks, p + 208);
    for (let i = 0; i < 256; i++) {
      const place = i & 127;
      const side = i >> 7;
      const low = blocks[p + 64 * side + (place & 63)] >> (place & 64 ? 4 : 0);
      const high = blocks[p + 128 + 32 * side + (place & 31)] >> (2 * (place >> 5));
      codes[at + i] = ((low & 15) | ((high & 3) << 4)) + 96;
    }
    for (let i = 0; i < 16; i++) scales[at / 16 + i] = d * ((blocks[p + 192 + i] << 24) >> 24);
  },
};

/** 32 values: float16 d, float16 minimum, 32 fifth bits, nibbles; those of the first 16 values below. */
function old(
  blocks: Uint8Array,
  p: number,
  { codes, scales, minima }: Required<Codes>,
  at: number,
  has: { minimum: boolean; fifth: boolean },
): void {
  scales[at / 32] = half(blocks, p);
  if (has.minimum) minima[at / 32] = half(blocks, p + 2);
  const fifth = p + (has.minimum ? 4 : 2);
  const from = fifth + (has.fifth ? 4 : 0);
  for (let i = 0; i < 32; i++) {
    codes[at + i] = (blocks[from + (i & 15)] >> (i & 16 ? 4 : 0)) & 15;
    if (has.fifth) codes[at + i] |= ((blocks[fifth + (i >> 3)] >> (i & 7)) & 1) << 4;
  }
}

/** 256 values of Q4_K and the lower bits of Q5_K: d, dmin, 12 bytes of 6-bit scales and minima, nibbles from `from`. */
function withMinima(blocks: Uint8Array, p: number, out: Required<Codes>, at: number, from: number): void {
  const [d, dmin] = [half(blocks, p), half(blocks, p + 2)];
  const s = p + 4;
  for (let j = 0; j < 8; j++) {
    const isLow = j < 4;
    const scale = isLow ? blocks[s + j] & 63 : (blocks[s + j + 4] & 15) | ((blocks[s + j - 4] >> 2) & 48);
    const minimum = isLow ? blocks[s + j + 4] & 63 : (blocks[s + j + 4] >> 4) | ((blocks[s + j] >> 2) & 48);
    out.scales[at / 32 + j] = d * scale;
    out.minima[at / 32 + j] = -dmin * minimum;
    const pairs = from + 32 * (j >> 1);
    for (let i = 0; i < 32; i++) out.codes[at + 32 * j + i] = (blocks[pairs + i] >> (j & 1 ? 4 : 0)) & 15;
  }
}

function half(bytes: Uint8Array, at: number): number {
  halves ??= toFloat32({ dtype: 'F16', data: new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer) });
  return halves[bytes[at] | (bytes[at + 1] << 8)];
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** Every float16 by its bits. */
let halves: Float32Array | undefined;

/** Parts of a file as parts of whole blocks. */
export async function* wholeBlocks(type: StoredType, parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { bytes } = LAYOUTS[type];
  let rest = new Uint8Array(0);
  for await (const part of parts) {
    const all = rest.length ? joined(rest, part) : part;
    const end = all.length - (all.length % bytes);
    if (end) yield all.subarray(0, end);
    rest = all.slice(end);
  }
}

/** Codes of 4 bits, two a byte, the first in the lower half. */
export function inNibbles(codes: Uint8Array): Uint8Array {
  const out = new Uint8Array(codes.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = codes[2 * i] | (codes[2 * i + 1] << 4);
  return out;
}

/** Codes of 5 bits by 32: the lower four of i and i + 16 in a byte [values / 2], and the fifth ones, eight a byte [values / 8]. */
export function inFiveBits(codes: Uint8Array): { low: Uint8Array; fifth: Uint8Array } {
  const low = new Uint8Array(codes.length / 2);
  const fifth = new Uint8Array(codes.length / 8);
  for (let block = 0; block < codes.length; block += 32) {
    for (let i = 0; i < 16; i++) low[block / 2 + i] = (codes[block + i] & 15) | ((codes[block + 16 + i] & 15) << 4);
    for (let i = 0; i < 32; i++) fifth[(block + i) >> 3] |= (codes[block + i] >> 4) << (i & 7);
  }
  return { low, fifth };
}
