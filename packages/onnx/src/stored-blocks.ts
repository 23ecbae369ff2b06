/** @file The blocks of a GGUF base as integers with a scale each: MatMulNBits multiplies by them as they are. */
import { joined } from '@arena/files/source';
import { dequantize } from '@arena/gguf';
import { toFloat32 } from '@arena/safetensors/tensor';
import type { Codes } from './weight-kinds.js';

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

export function isStoredType(type: string): type is StoredType {
  return Object.hasOwn(LAYOUTS, type);
}

/** How a type lies in the exported file: `hasMinima` where zero is no code, `isHalf` where scales are float16 exactly. */
export function layoutOf(type: StoredType) {
  return { ...LAYOUTS[type], hasMinima: LAYOUTS[type].zero === 0 };
}

/** The integers of whole blocks: their values in steps of the scale. */
export function codesOf(type: StoredType, blocks: Uint8Array): Codes {
  const { group, zero } = LAYOUTS[type];
  const values = dequantize(type, blocks);
  const factors = factorsOf(type, blocks);
  const { scales, offsets } = factors;
  const codes = new Uint8Array(values.length);
  for (let at = 0, i = 0; at < scales.length; at++) {
    const offset = offsets ? offsets[at] : 0;
    const perValue = scales[at] ? 1 / scales[at] : 0;
    for (const end = i + group; i < end; i++) codes[i] = Math.round((values[i] - offset) * perValue) + zero;
  }
  return { codes, ...factors };
}

/** Scales of whole blocks, and the offsets of types that have them: the code of zero is 0 there. */
export function factorsOf(type: StoredType, blocks: Uint8Array): Omit<Codes, 'codes'> {
  const { values: perBlock, bytes, group, zero } = LAYOUTS[type];
  const groups = perBlock / group;
  const scales = new Float32Array((blocks.length / bytes) * groups);
  const offsets = new Float32Array(zero ? 0 : scales.length);
  // blocks have an even number of bytes, and their float16 lie at even places
  const words = toFloat32({ dtype: 'F16', data: blocks });
  const half = (at: number) => words[at >> 1];
  for (let p = 0, at = 0; p < blocks.length; p += bytes) {
    for (let j = 0; j < groups; j++, at++) {
      if (type === 'Q6_K') scales[at] = half(p + 208) * ((blocks[p + 192 + j] << 24) >> 24);
      else if (groups === 1) {
        scales[at] = half(p);
        if (!zero) offsets[at] = half(p + 2);
      } else {
        // 12 bytes after d and dmin: 6 bits of scale and minimum for each of 8 groups
        const [low, middle, high] = [4, 8, 12].map((from) => blocks[p + from + (j & 3)]);
        scales[at] = half(p) * (j < 4 ? low & 63 : (high & 15) | ((low >> 2) & 48));
        offsets[at] = -half(p + 2) * (j < 4 ? middle & 63 : (high >> 4) | ((middle >> 2) & 48));
      }
    }
  }
  return zero ? { scales } : { scales, offsets };
}

/** Parts of a file as parts of whole blocks. */
export async function* wholeBlocks(type: StoredType, parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { bytes } = LAYOUTS[type];
  let rest = new Uint8Array(0);
  for await (const part of parts) {
    const all = rest.length ? joined([rest, part]) : part;
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
