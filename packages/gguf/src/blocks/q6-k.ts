/**
 * @file Q6_K: 256 values in 210 bytes: 128 bytes of the lower four bits (for 128 values 64 bytes, low nibbles first), 64
 * bytes of the upper two (for 128 values 32 bytes, by shifts 0, 2, 4, 6), 16 signed scales, one for each 16 values,
 * float16 d last. d sc (q - 32)
 */
import { halfTable } from '../half.js';

export function decodeQ6_K(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.length);
  let o = at;
  for (let p = 0; p < blocks.length; p += 210) {
    const d = half[blocks[p + 208] | (blocks[p + 209] << 8)];
    for (let run = 0; run < 16; run++, o += 16) {
      const scale = d * signed[p + 192 + run];
      const side = run >> 3;
      const four = p + side * 64 + (run & 3) * 16;
      const two = p + 128 + side * 32 + (run & 1) * 16;
      const fourShift = run & 4;
      const twoShift = run & 6;
      for (let i = 0; i < 16; i++) {
        const q = ((blocks[four + i] >> fourShift) & 15) | (((blocks[two + i] >> twoShift) & 3) << 4);
        out[o + i] = scale * (q - 32);
      }
    }
  }
}
