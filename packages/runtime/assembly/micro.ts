/**
 * @file The micro-kernel of the matrix product, in two builds: a 4 x 8 tile of C, and a 4 x 16 tile for engines that turn
 * pairs of 128-bit instructions into 256-bit ones (arena-build-wasm defines ARENA_WIDE). One k a turn: unrolling makes
 * compilers reorder the sums and spill.
 */
import { madd } from './simd';

const WIDE: bool = isDefined(ARENA_WIDE);

/** Rows of a panel of A. 4 x 8 is the largest tile that Node 20's register allocator keeps free of spills. */
export const MR: i32 = 4;
/** Columns of a panel of B. */
export const NR: i32 = WIDE ? 16 : 8;

/** c[4, NR] = sum over k of a[k][4] b[k][NR] (added to c when `accumulate`). */
export function micro(kc: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool): void {
  if (WIDE) micro16(kc, a, b, c, ldc, accumulate);
  else micro8(kc, a, b, c, ldc, accumulate);
}

// @ts-ignore: decorator
@inline
function micro8(kc: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = a + (<usize>kc << 4);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let t = v128.load_splat<f32>(a);
    c00 = madd(t, b0, c00);
    c01 = madd(t, b1, c01);
    t = v128.load_splat<f32>(a, 4);
    c10 = madd(t, b0, c10);
    c11 = madd(t, b1, c11);
    t = v128.load_splat<f32>(a, 8);
    c20 = madd(t, b0, c20);
    c21 = madd(t, b1, c21);
    t = v128.load_splat<f32>(a, 12);
    c30 = madd(t, b0, c30);
    c31 = madd(t, b1, c31);
    a += 16;
    b += 32;
  }
  const r1 = c + ldc;
  const r2 = r1 + ldc;
  const r3 = r2 + ldc;
  if (accumulate) {
    c00 = f32x4.add(v128.load(c), c00);
    c01 = f32x4.add(v128.load(c, 16), c01);
    c10 = f32x4.add(v128.load(r1), c10);
    c11 = f32x4.add(v128.load(r1, 16), c11);
    c20 = f32x4.add(v128.load(r2), c20);
    c21 = f32x4.add(v128.load(r2, 16), c21);
    c30 = f32x4.add(v128.load(r3), c30);
    c31 = f32x4.add(v128.load(r3, 16), c31);
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(r1, c10);
  v128.store(r1, c11, 16);
  v128.store(r2, c20);
  v128.store(r2, c21, 16);
  v128.store(r3, c30);
  v128.store(r3, c31, 16);
}

/**
 * V8 pairs what is stored side by side, from the stores backwards: the two halves of a pair need neighbouring stores, and
 * no load may come between them, so all of C is loaded before the first sum.
 */
// @ts-ignore: decorator
@inline
function micro16(kc: i32, a: usize, b: usize, c: usize, ldc: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c02 = f32x4.splat(0);
  let c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c12 = f32x4.splat(0);
  let c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c22 = f32x4.splat(0);
  let c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  let c32 = f32x4.splat(0);
  let c33 = f32x4.splat(0);
  const end = a + (<usize>kc << 4);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const b2 = v128.load(b, 32);
    const b3 = v128.load(b, 48);
    let t = v128.load_splat<f32>(a);
    c00 = madd(t, b0, c00);
    c01 = madd(t, b1, c01);
    c02 = madd(t, b2, c02);
    c03 = madd(t, b3, c03);
    t = v128.load_splat<f32>(a, 4);
    c10 = madd(t, b0, c10);
    c11 = madd(t, b1, c11);
    c12 = madd(t, b2, c12);
    c13 = madd(t, b3, c13);
    t = v128.load_splat<f32>(a, 8);
    c20 = madd(t, b0, c20);
    c21 = madd(t, b1, c21);
    c22 = madd(t, b2, c22);
    c23 = madd(t, b3, c23);
    t = v128.load_splat<f32>(a, 12);
    c30 = madd(t, b0, c30);
    c31 = madd(t, b1, c31);
    c32 = madd(t, b2, c32);
    c33 = madd(t, b3, c33);
    a += 16;
    b += 64;
  }
  const r1 = c + ldc;
  const r2 = r1 + ldc;
  const r3 = r2 + ldc;
  if (accumulate) {
    const o00 = v128.load(c);
    const o01 = v128.load(c, 16);
    const o02 = v128.load(c, 32);
    const o03 = v128.load(c, 48);
    const o10 = v128.load(r1);
    const o11 = v128.load(r1, 16);
    const o12 = v128.load(r1, 32);
    const o13 = v128.load(r1, 48);
    const o20 = v128.load(r2);
    const o21 = v128.load(r2, 16);
    const o22 = v128.load(r2, 32);
    const o23 = v128.load(r2, 48);
    const o30 = v128.load(r3);
    const o31 = v128.load(r3, 16);
    const o32 = v128.load(r3, 32);
    const o33 = v128.load(r3, 48);
    c00 = f32x4.add(o00, c00);
    c01 = f32x4.add(o01, c01);
    c02 = f32x4.add(o02, c02);
    c03 = f32x4.add(o03, c03);
    c10 = f32x4.add(o10, c10);
    c11 = f32x4.add(o11, c11);
    c12 = f32x4.add(o12, c12);
    c13 = f32x4.add(o13, c13);
    c20 = f32x4.add(o20, c20);
    c21 = f32x4.add(o21, c21);
    c22 = f32x4.add(o22, c22);
    c23 = f32x4.add(o23, c23);
    c30 = f32x4.add(o30, c30);
    c31 = f32x4.add(o31, c31);
    c32 = f32x4.add(o32, c32);
    c33 = f32x4.add(o33, c33);
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  v128.store(r1, c10);
  v128.store(r1, c11, 16);
  v128.store(r1, c12, 32);
  v128.store(r1, c13, 48);
  v128.store(r2, c20);
  v128.store(r2, c21, 16);
  v128.store(r2, c22, 32);
  v128.store(r2, c23, 48);
  v128.store(r3, c30);
  v128.store(r3, c31, 16);
  v128.store(r3, c32, 32);
  v128.store(r3, c33, 48);
}
