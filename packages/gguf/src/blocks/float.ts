/** @file F32, F16 and BF16: blocks of one value. */
import { halfTable } from '../half.js';

export function decodeF32(blocks: Uint8Array, out: Float32Array, at: number): void {
  new Uint8Array(out.buffer, out.byteOffset + 4 * at, blocks.length).set(blocks);
}

export function decodeF16(blocks: Uint8Array, out: Float32Array, at: number): void {
  const half = halfTable();
  for (let p = 0, o = at; p < blocks.length; p += 2, o++) out[o] = half[blocks[p] | (blocks[p + 1] << 8)];
}

/** The upper half of a float32's bits. */
export function decodeBf16(blocks: Uint8Array, out: Float32Array, at: number): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let p = 0, o = at; p < blocks.length; p += 2, o++) bits[o] = (blocks[p] << 16) | (blocks[p + 1] << 24);
}
