/** @file Q8_0: 32 values in 34 bytes: float16 d, 32 signed bytes. d q */
import { halfTable } from '../half.js';

export function decodeQ8_0(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  const signed = new Int8Array(blocks.buffer, blocks.byteOffset, blocks.length);
  for (let p = 0, o = at; p < blocks.length; p += 34, o += 32) {
    const d = half[blocks[p] | (blocks[p + 1] << 8)];
    for (let i = 0; i < 32; i++) out[o + i] = d * signed[p + 2 + i];
  }
}
