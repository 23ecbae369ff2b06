/**
 * @file Q4_K and Q5_K: 256 values with a 6-bit scale and a 6-bit minimum for each 32. Both begin with float16 d, float16
 * dmin and 12 bytes of scales and minima; 128 bytes of nibbles come last, for 64 values 32 bytes, low nibbles first.
 * d sc q - dmin m
 */
import { halfTable } from '../half.js';

/** Scale of the group `j` of 8. `s` is where the 12 bytes begin. */
function scaleAt(blocks: Uint8Array, s: number, j: number): number {
  return j < 4 ? blocks[s + j] & 63 : (blocks[s + j + 4] & 15) | ((blocks[s + j - 4] >> 2) & 48);
}

/** Minimum of the group `j` of 8. */
function minimumAt(blocks: Uint8Array, s: number, j: number): number {
  return j < 4 ? blocks[s + j + 4] & 63 : (blocks[s + j + 4] >> 4) | ((blocks[s + j] >> 2) & 48);
}

/** 144 bytes a block. */
export function decodeQ4_K(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  let o = at;
  for (let p = 0; p < blocks.length; p += 144) {
    const d = half[blocks[p] | (blocks[p + 1] << 8)];
    const dmin = half[blocks[p + 2] | (blocks[p + 3] << 8)];
    const s = p + 4;
    for (let j = 0; j < 8; j += 2, o += 64) {
      const lowScale = d * scaleAt(blocks, s, j);
      const lowMinimum = dmin * minimumAt(blocks, s, j);
      const highScale = d * scaleAt(blocks, s, j + 1);
      const highMinimum = dmin * minimumAt(blocks, s, j + 1);
      const from = p + 16 + j * 16;
      for (let i = 0; i < 32; i++) {
        const pair = blocks[from + i];
        out[o + i] = lowScale * (pair & 15) - lowMinimum;
        out[o + 32 + i] = highScale * (pair >> 4) - highMinimum;
      }
    }
  }
}

/** 176 bytes a block: 32 bytes before the nibbles hold the fifth bits, bit j for the group j. */
export function decodeQ5_K(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  let o = at;
  for (let p = 0; p < blocks.length; p += 176) {
    const d = half[blocks[p] | (blocks[p + 1] << 8)];
    const dmin = half[blocks[p + 2] | (blocks[p + 3] << 8)];
    const s = p + 4;
    for (let j = 0; j < 8; j += 2, o += 64) {
      const lowScale = d * scaleAt(blocks, s, j);
      const lowMinimum = dmin * minimumAt(blocks, s, j);
      const highScale = d * scaleAt(blocks, s, j + 1);
      const highMinimum = dmin * minimumAt(blocks, s, j + 1);
      const from = p + 48 + j * 16;
      for (let i = 0; i < 32; i++) {
        const pair = blocks[from + i];
        const fifth = blocks[p + 16 + i] >> j;
        out[o + i] = lowScale * ((pair & 15) | ((fifth & 1) << 4)) - lowMinimum;
        out[o + 32 + i] = highScale * ((pair >> 4) | ((fifth & 2) << 3)) - highMinimum;
      }
    }
  }
}
