// Float32 matrices rounded to bfloat16, as the products on tensor cores take them.
#include "bf16.cuh"

// scale x [count / columns, columns] to columns [first, first + columns) of y, whose rows have `stride` values; a thread takes
// eight values
KERNEL(roundBf16, 256, const float *x, u32 *y, u32 count, u32 columns, u32 stride, u32 first, float scale) {
  const u32 at = globalIndex() * 8;
  if (at >= count) return;
  const float4 a = *(const float4 *)(x + at), b = *(const float4 *)(x + at + 4);
  uint4 words;
  words.x = bf16Pair(scale * a.x, scale * a.y), words.y = bf16Pair(scale * a.z, scale * a.w);
  words.z = bf16Pair(scale * b.x, scale * b.y), words.w = bf16Pair(scale * b.z, scale * b.w);
  *(uint4 *)(y + ((size_t)(at / columns) * stride + first + at % columns) / 2) = words;
}

// x [rows, columns] to y [columns, rows], 64 x 64 a block; rows and columns are even
KERNEL(roundBf16Transposed, 256, const float *x, u32 *y, u32 rows, u32 columns) {
  __shared__ u32 tile[64][33];  // [column, pair of rows]
  const u32 row0 = blockIdx.y * 64, column0 = blockIdx.x * 64, lane = threadIdx.x % 64;
  for (u32 pair = threadIdx.x / 64; pair < 32; pair += 4) {
    const u32 row = row0 + 2 * pair, column = column0 + lane;
    if (row >= rows || column >= columns) continue;
    const float *from = x + (size_t)row * columns + column;
    tile[lane][pair] = bf16Pair(from[0], from[columns]);
  }
  __syncthreads();
  storeTransposed(tile, y, row0, column0, rows, columns);
}
