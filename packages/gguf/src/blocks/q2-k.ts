/**
 * @file Q2_K: 256 values in 84 bytes: 16 bytes of scale (low nibble) and minimum (high) for each 16 values, 64 bytes of
 * 2-bit values, float16 d, float16 dmin. Of 32 bytes come four groups of 32 values, by shifts 0, 2, 4, 6. d sc q - dmin m
 */
import { halfTable } from '../half.js';

export function decodeQ2_K(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  let o = at;
  for (let p = 0; p < blocks.length; p += 84) {
    const d = half[blocks[p + 80] | (blocks[p + 81] << 8)];
    const dmin = half[blocks[p + 82] | (blocks[p + 83] << 8)];
    for (let run = 0; run < 16; run++, o += 16) {
      const scale = d * (blocks[p + run] & 15);
      const minimum = dmin * (blocks[p + run] >> 4);
      const from = p + 16 + (run >> 3) * 32 + (run & 1) * 16;
      const shift = run & 6;
      for (let i = 0; i < 16; i++) out[o + i] = scale * ((blocks[from + i] >> shift) & 3) - minimum;
    }
  }
}
