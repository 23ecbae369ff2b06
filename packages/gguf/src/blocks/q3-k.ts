/**
 * @file Q3_K: 256 values in 110 bytes: 32 bytes of third bits, 64 bytes of lower two bits as in Q2_K, 12 bytes with a
 * 6-bit scale for each 16 values, float16 d. A third bit that is not set takes 4 away. d (sc - 32) q
 */
import { halfTable } from '../half.js';

export function decodeQ3_K(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  let o = at;
  for (let p = 0; p < blocks.length; p += 110) {
    const d = half[blocks[p + 108] | (blocks[p + 109] << 8)];
    const scales = p + 96;
    for (let run = 0; run < 16; run++, o += 16) {
      const low = (blocks[scales + (run & 7)] >> ((run >> 3) << 2)) & 15;
      const high = (blocks[scales + 8 + (run & 3)] >> ((run >> 2) << 1)) & 3;
      const scale = d * ((low | (high << 4)) - 32);
      const from = (run & 1) * 16;
      const two = p + 32 + (run >> 3) * 32 + from;
      const shift = run & 6;
      const group = run >> 1;
      for (let i = 0; i < 16; i++) {
        const third = (blocks[p + from + i] >> group) & 1;
        out[o + i] = scale * (((blocks[two + i] >> shift) & 3) - 4 + 4 * third);
      }
    }
  }
}
