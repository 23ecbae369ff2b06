/** @file IQ4_NL and IQ4_XS: nibbles that choose one of 16 values, which lie closer together around 0. */
import { halfTable } from '../half.js';

const VALUES = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** 32 values in 18 bytes: float16 d, nibbles as in Q4_0. */
export function decodeIq4Nl(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  for (let p = 0, o = at; p < blocks.length; p += 18, o += 32) {
    decodeGroup(blocks, p + 2, half[blocks[p] | (blocks[p + 1] << 8)], out, o);
  }
}

/** 256 values in 136 bytes: float16 d, then for each 32 values a scale of 6 bits (upper two, then lower four), nibbles. */
export function decodeIq4Xs(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  let o = at;
  for (let p = 0; p < blocks.length; p += 136) {
    const d = half[blocks[p] | (blocks[p + 1] << 8)];
    const upper = blocks[p + 2] | (blocks[p + 3] << 8);
    for (let j = 0; j < 8; j++, o += 32) {
      const lower = (blocks[p + 4 + (j >> 1)] >> ((j & 1) * 4)) & 15;
      const scale = (lower | (((upper >> (2 * j)) & 3) << 4)) - 32;
      decodeGroup(blocks, p + 8 + j * 16, d * scale, out, o);
    }
  }
}

/** 32 values of 16 bytes from `p`. */
function decodeGroup(blocks: Uint8Array, p: number, scale: number, out: Float32Array, o: number): void {
  for (let i = 0; i < 16; i++) {
    out[o + i] = scale * VALUES[blocks[p + i] & 15];
    out[o + 16 + i] = scale * VALUES[blocks[p + i] >> 4];
  }
}
