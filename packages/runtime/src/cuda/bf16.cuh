// bfloat16 in pairs: two values to a word, the first one low.
#pragma once
#include "device.cuh"

#ifdef __CUDACC__
// Rounded to nearest.
__device__ inline u32 bf16Pair(float low, float high) {
  u32 pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
#endif

__device__ inline float lowBf16(u32 pair) { return __uint_as_float(pair << 16); }
__device__ inline float highBf16(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

// Writes 64 columns of 32 pairs of rows to y [columns, rows / 2], for a block of 256 threads.
__device__ inline void storeTransposed(const u32 (&tile)[64][33], u32 *y, u32 row0, u32 column0, u32 rows, u32 columns) {
  const u32 pair = threadIdx.x % 32;
  for (u32 i = threadIdx.x / 32; i < 64; i += 8) {
    if (column0 + i < columns && row0 + 2 * pair < rows) y[((size_t)(column0 + i) * rows + row0) / 2 + pair] = tile[i][pair];
  }
}
