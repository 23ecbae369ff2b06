/** @file Q5_0 and Q5_1: 32 values, nibbles as in Q4_0, each value's fifth bit in a 32-bit word before them. */
import { halfTable } from '../half.js';

/** 22 bytes: float16 d, high bits, nibbles. d (q - 16) */
export function decodeQ5_0(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  for (let p = 0, o = at; p < blocks.length; p += 22, o += 32) {
    const d = half[blocks[p] | (blocks[p + 1] << 8)];
    const high = blocks[p + 2] | (blocks[p + 3] << 8) | (blocks[p + 4] << 16) | (blocks[p + 5] << 24);
    for (let i = 0; i < 16; i++) {
      const pair = blocks[p + 6 + i];
      out[o + i] = d * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16);
      out[o + 16 + i] = d * (((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
    }
  }
}

/** 24 bytes: float16 d, float16 m, high bits, nibbles. d q + m */
export function decodeQ5_1(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  for (let p = 0, o = at; p < blocks.length; p += 24, o += 32) {
    const d = half[blocks[p] | (blocks[p + 1] << 8)];
    const m = half[blocks[p + 2] | (blocks[p + 3] << 8)];
    const high = blocks[p + 4] | (blocks[p + 5] << 8) | (blocks[p + 6] << 16) | (blocks[p + 7] << 24);
    for (let i = 0; i < 16; i++) {
      const pair = blocks[p + 8 + i];
      out[o + i] = d * ((pair & 15) | (((high >>> i) & 1) << 4)) + m;
      out[o + 16 + i] = d * ((pair >> 4) | (((high >>> (i + 16)) & 1) << 4)) + m;
    }
  }
}
