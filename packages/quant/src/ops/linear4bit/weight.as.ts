/**
 * @file A 4-bit matrix W [outFeatures, inFeatures] and its values: 16 codes at a time are looked up in the four byte
 * planes of the code table and put together into 16 floats.
 */
import { lookup } from '@arena/runtime/assembly/simd';

/** Words of the weight in a call, as wasm.ts declares them. */
@unmanaged
export class Weight {
  codes: usize;
  absmax: usize;
  /** 0 when absmax is float32; otherwise absmax holds bytes. */
  nestedAbsmax: usize;
  nestedOffset: f32;
  inFeatures: i32;
  outFeatures: i32;
  blockSize: i32;
  /** log2(blockSize) */
  blockShift: i32;
  /** Whether 64 values from a multiple of 64 on always lie in one row and one block. */
  aligned: i32;
  /** 16 floats, their four byte planes of 16 bytes, then the 256 floats of the dynamic map. */
  tables: usize;
}

// @ts-ignore: decorator
@inline
export function absmaxOf(w: Weight, block: u32): f32 {
  if (w.nestedAbsmax == 0) return load<f32>(w.absmax + (<usize>block << 2));
  const code = <usize>load<u8>(w.absmax + block);
  const nested = load<f32>(w.nestedAbsmax + (<usize>(block >> 8) << 2));
  return load<f32>(w.tables + 128 + (code << 2)) * nested + w.nestedOffset;
}

/** One value of W by its flat index. */
export function valueOf(w: Weight, index: u32): f32 {
  const byte = load<u8>(w.codes + (index >> 1));
  const code = <usize>(index & 1 ? byte & 15 : byte >> 4);
  return load<f32>(w.tables + (code << 2)) * absmaxOf(w, index / w.blockSize);
}

/** Writes 16 values, code by code, as 4 vectors at a0 to a3, each times `scale`. */
// @ts-ignore: decorator
@inline
export function expand(
  p0: v128, p1: v128, p2: v128, p3: v128, codes: v128, scale: v128, a0: usize, a1: usize, a2: usize, a3: usize,
): void {
  const b0 = lookup(p0, codes);
  const b1 = lookup(p1, codes);
  const b2 = lookup(p2, codes);
  const b3 = lookup(p3, codes);
  const l01 = v128.shuffle<i8>(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const h01 = v128.shuffle<i8>(b0, b1, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  const l23 = v128.shuffle<i8>(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const h23 = v128.shuffle<i8>(b2, b3, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  v128.store(a0, f32x4.mul(v128.shuffle<i16>(l01, l23, 0, 8, 1, 9, 2, 10, 3, 11), scale));
  v128.store(a1, f32x4.mul(v128.shuffle<i16>(l01, l23, 4, 12, 5, 13, 6, 14, 7, 15), scale));
  v128.store(a2, f32x4.mul(v128.shuffle<i16>(h01, h23, 0, 8, 1, 9, 2, 10, 3, 11), scale));
  v128.store(a3, f32x4.mul(v128.shuffle<i16>(h01, h23, 4, 12, 5, 13, 6, 14, 7, 15), scale));
}
