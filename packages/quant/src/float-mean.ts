/**
 * @file The mean of float32 values with the bits of torch: aten/src/ATen/native/cpu/SumKernel.cpp (cascade_sum) for a contiguous
 * vector on one thread, which torch takes for fewer than 32,768 values whatever its threads are.
 */

/** Values that torch adds at once, the same with AVX2, AVX-512 and neither; shorter vectors are added one by one. */
const LANES = 8;
/** Independent sums of such vectors. */
const ROWS = 4;
const LEVELS = 4;
const { fround } = Math;

/** `values.mean()`, every addition rounded to float32 in torch's order. */
export function floatMean(values: Float32Array): number {
  const lanes = values.length < LANES ? 1 : LANES;
  const vectors = Math.floor(values.length / lanes);
  let sum = 0;
  for (let i = vectors * lanes; i < values.length; i++) sum = fround(sum + values[i]);
  for (const lane of vectorSums(values, vectors, lanes)) sum = fround(sum + lane);
  return fround(sum / values.length);
}

/** The sum of the vectors, lane by lane. [lanes] */
function vectorSums(values: Float32Array, vectors: number, lanes: number): Float32Array {
  const width = ROWS * lanes;
  const size = Math.floor(vectors / ROWS);
  const power = Math.max(4, Math.floor(ceilLog2(size) / LEVELS));
  const step = 2 ** power;
  const levels = Array.from({ length: LEVELS }, () => new Float32Array(width));
  const add = (to: Float32Array, from: Float32Array, at: number, count: number) => {
    for (let k = 0; k < count; k++) to[k] += from[at + k];
  };
  let i = 0;
  while (i + step <= size) {
    for (const end = i + step; i < end; i++) add(levels[0], values, i * width, width);
    for (let level = 1; level < LEVELS; level++) {
      add(levels[level], levels[level - 1], 0, width);
      levels[level - 1].fill(0);
      if (Math.floor(i / step ** level) % step !== 0) break;
    }
  }
  for (; i < size; i++) add(levels[0], values, i * width, width);
  for (let level = 1; level < LEVELS; level++) add(levels[0], levels[level], 0, width);
  const sums = levels[0];
  for (let v = size * ROWS; v < vectors; v++) add(sums, values, v * lanes, lanes);
  for (let row = 1; row < ROWS; row++) add(sums, sums, row * lanes, lanes);
  return sums.subarray(0, lanes);
}

/** Bits that hold a size, as ATen counts them: 0 up to 1. */
function ceilLog2(size: number): number {
  return size <= 1 ? 0 : 32 - Math.clz32(size - 1);
}
