/** @file Q4_0 and Q4_1: 32 values, of 16 bytes first the low nibbles, then the high ones. */
import { halfTable } from '../half.js';

/** 18 bytes: float16 d, nibbles. d (q - 8) */
export function decodeQ4_0(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  for (let p = 0, o = at; p < blocks.length; p += 18, o += 32) {
    const d = half[blocks[p] | (blocks[p + 1] << 8)];
    for (let i = 0; i < 16; i++) {
      const pair = blocks[p + 2 + i];
      out[o + i] = d * ((pair & 15) - 8);
      out[o + 16 + i] = d * ((pair >> 4) - 8);
    }
  }
}

/** 20 bytes: float16 d, float16 m, nibbles. d q + m */
export function decodeQ4_1(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  for (let p = 0, o = at; p < blocks.length; p += 20, o += 32) {
    const d = half[blocks[p] | (blocks[p + 1] << 8)];
    const m = half[blocks[p + 2] | (blocks[p + 3] << 8)];
    for (let i = 0; i < 16; i++) {
      const pair = blocks[p + 4 + i];
      out[o + i] = d * (pair & 15) + m;
      out[o + 16 + i] = d * (pair >> 4) + m;
    }
  }
}
