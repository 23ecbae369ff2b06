// The products of narrow.cu on tensor cores, factors rounded to bfloat16, sums in float32. Fragments come from memory as they
// are: which index of the inner dimension stands where in a fragment does not matter as long as both factors agree, so a lane
// takes four neighbours of a row.
#include "dropout.cuh"
#include "gemm-mma.cuh"

enum { NARROW_MMA = 16, ROWS_MMA_THREADS = 256, COLUMNS_MMA_THREADS = 512, COLUMNS_MMA = 32 };

// C [m, n] = scale (mask o X) W^T for X [m, k] and W [n, k], or [k, n]; n and k are multiples of 16. A block takes 16 rows,
// a warp every eighth 16 of k.
template <bool ACROSS>
__device__ inline void multiplyRowsMma(const float *x, const float *w, float *c, u32 m, u32 n, u32 k, float scale, Dropout mask) {
  enum { WARPS = ROWS_MMA_THREADS / 32 };
  __shared__ float parts[WARPS][NARROW_MMA][NARROW_MMA + 1];
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
  const u32 row0 = blockIdx.x * NARROW_MMA, n0 = blockIdx.y * NARROW_MMA;
  float sums[2][4] = {};
#pragma unroll 4
  for (u32 d0 = warp * 16; d0 < k; d0 += 16 * WARPS) {
    const u32 d = d0 + 4 * t;
    float4 rows[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const u32 row = row0 + g + 8 * i;
      const size_t at = (size_t)row * k + d;
      float4 v = row < m ? *(const float4 *)(x + at) : make_float4(0, 0, 0, 0);
      if (mask.threshold) v.x *= mask.at(at), v.y *= mask.at(at + 1), v.z *= mask.at(at + 2), v.w *= mask.at(at + 3);
      rows[i] = v;
    }
    const u32 a[4] = {bf16Pair(rows[0].x, rows[0].y), bf16Pair(rows[1].x, rows[1].y), bf16Pair(rows[0].z, rows[0].w),
                      bf16Pair(rows[1].z, rows[1].w)};
#pragma unroll
    for (int j = 0; j < 2; j++) {
      const u32 column = n0 + 8 * j + g;
      float4 v;
      if (ACROSS) {
        const float *from = w + (size_t)d * n + column;
        v = make_float4(from[0], from[n], from[2 * (size_t)n], from[3 * (size_t)n]);
      } else {
        v = *(const float4 *)(w + (size_t)column * k + d);
      }
      mmaBf16(sums[j], a, {bf16Pair(v.x, v.y), bf16Pair(v.z, v.w)});
    }
  }
#pragma unroll
  for (int j = 0; j < 2; j++) {
#pragma unroll
    for (int e = 0; e < 4; e++) parts[warp][g + e / 2 * 8][8 * j + 2 * t + e % 2] = sums[j][e];
  }
  __syncthreads();
  const u32 row = threadIdx.x / NARROW_MMA, column = threadIdx.x % NARROW_MMA;
  float total = 0;
  for (int i = 0; i < WARPS; i++) total += parts[i][row][column];
  if (row0 + row < m) c[(size_t)(row0 + row) * n + n0 + column] = scale * total;
}

#define NARROW_MMA_ARGUMENTS \
  const float *x, const float *w, float *c, u32 m, u32 n, u32 k, float scale, u32 seed, u32 stream, u32 threshold, float factor
#define NARROW_MMA_MASK \
  { seed, stream, threshold, factor }

KERNEL(narrowRowsMma, ROWS_MMA_THREADS, NARROW_MMA_ARGUMENTS) {
  multiplyRowsMma<false>(x, w, c, m, n, k, scale, NARROW_MMA_MASK);
}
KERNEL(narrowRowsAcrossMma, ROWS_MMA_THREADS, NARROW_MMA_ARGUMENTS) {
  multiplyRowsMma<true>(x, w, c, m, n, k, scale, NARROW_MMA_MASK);
}

// C [n, m], or its transpose, = scale W^T (mask o X) for X [k, m] and W [k, n]; m is a multiple of 32, n of 16. A block takes
// 32 columns of X, a warp every sixteenth 16 of its rows; a lane four columns of four rows.
KERNEL(narrowColumnsMma, COLUMNS_MMA_THREADS, NARROW_MMA_ARGUMENTS, u32 transposed) {
  enum { WARPS = COLUMNS_MMA_THREADS / 32 };
  __shared__ float parts[WARPS][COLUMNS_MMA][NARROW_MMA];
  const Dropout mask = NARROW_MMA_MASK;
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
  const u32 column0 = blockIdx.x * COLUMNS_MMA, n0 = blockIdx.y * NARROW_MMA;
  float sums[2][2][4] = {};
#pragma unroll 2
  for (u32 d0 = warp * 16; d0 < k; d0 += 16 * WARPS) {
    const u32 d = d0 + 4 * t;
    float4 v[4];
    float2 s[4];
#pragma unroll
    for (u32 e = 0; e < 4; e++) {
      const size_t at = (size_t)(d + e) * m + column0 + 4 * g;
      const bool inside = d + e < k;
      v[e] = inside ? *(const float4 *)(x + at) : make_float4(0, 0, 0, 0);
      s[e] = inside ? *(const float2 *)(w + (size_t)(d + e) * n + n0 + 2 * g) : make_float2(0, 0);
      if (mask.threshold) {
        v[e].x *= mask.at(at), v[e].y *= mask.at(at + 1), v[e].z *= mask.at(at + 2), v[e].w *= mask.at(at + 3);
      }
    }
    // rows g and g + 8 of the two tiles are the lane's columns 0 to 3
    const u32 a[2][4] = {
        {bf16Pair(v[0].x, v[1].x), bf16Pair(v[0].y, v[1].y), bf16Pair(v[2].x, v[3].x), bf16Pair(v[2].y, v[3].y)},
        {bf16Pair(v[0].z, v[1].z), bf16Pair(v[0].w, v[1].w), bf16Pair(v[2].z, v[3].z), bf16Pair(v[2].w, v[3].w)}};
    // column g of the two narrow tiles is 2 g and 2 g + 1
    const u32 b[2][2] = {{bf16Pair(s[0].x, s[1].x), bf16Pair(s[2].x, s[3].x)}, {bf16Pair(s[0].y, s[1].y), bf16Pair(s[2].y, s[3].y)}};
#pragma unroll
    for (int i = 0; i < 2; i++) {
#pragma unroll
      for (int j = 0; j < 2; j++) mmaBf16(sums[i][j], a[i], b[j]);
    }
  }
#pragma unroll
  for (int i = 0; i < 2; i++) {
#pragma unroll
    for (int j = 0; j < 2; j++) {
#pragma unroll
      for (int e = 0; e < 4; e++) parts[warp][4 * g + 2 * i + e / 2][4 * t + e % 2 * 2 + j] = sums[i][j][e];
    }
  }
  __syncthreads();
  const u32 j = transposed ? threadIdx.x % NARROW_MMA : threadIdx.x / COLUMNS_MMA;
  const u32 at = transposed ? threadIdx.x / NARROW_MMA : threadIdx.x % COLUMNS_MMA;
  float total = 0;
  for (int i = 0; i < WARPS; i++) total += parts[i][at][j];
  c[transposed ? (size_t)(column0 + at) * n + n0 + j : (size_t)(n0 + j) * m + column0 + at] = scale * total;
}
