// Products with a narrow matrix, such as an adapter's of rank 16: bound by reading the wide matrix, which is read once for every
// 16 columns of the narrow one. A mask belongs to the wide matrix.
#include "device.cuh"
#include "dropout.cuh"

enum { NARROW = 16, NARROW_THREADS = 512 };
// of narrowRows: rows of a block, values of the inner dimension at a time (128 for each half of the warps)
enum { NARROW_ROWS = 16, NARROW_DEPTH = 256, NARROW_LOADS = NARROW * NARROW_DEPTH / NARROW_THREADS };
// of narrowColumns: columns of a block, rows at a time
enum { NARROW_COLUMNS = 32, NARROW_STEP = 128 };

// C [m, n] = scale (mask o X) W^T for X [m, k] and W [n, k], or [k, n]. A warp takes two rows and every second 128 of k.
template <bool ACROSS>
__device__ inline void multiplyRows(const float *x, const float *w, float *c, u32 m, u32 n, u32 k, float scale, Dropout mask) {
  __shared__ __align__(16) float tile[NARROW][NARROW_DEPTH];
  __shared__ float halves[NARROW_ROWS][NARROW];
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, half = warp / 8, n0 = blockIdx.y * NARROW;
  const u32 row0 = blockIdx.x * NARROW_ROWS + warp % 8 * 2;
  float sums[2][NARROW] = {};
  float4 next[2];
  float part[NARROW_LOADS];
  auto fetch = [&](u32 k0) {
    const u32 d = k0 + half * 128 + lane * 4;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const u32 row = row0 + i;
      const size_t at = (size_t)row * k + d;
      float4 v = make_float4(0, 0, 0, 0);
      if (row < m && d < k) {
        if (k % 4 == 0) {
          v = *(const float4 *)(x + at);
        } else {
          v.x = x[at];
          if (d + 1 < k) v.y = x[at + 1];
          if (d + 2 < k) v.z = x[at + 2];
          if (d + 3 < k) v.w = x[at + 3];
        }
        if (mask.threshold) v.x *= mask.at(at), v.y *= mask.at(at + 1), v.z *= mask.at(at + 2), v.w *= mask.at(at + 3);
      }
      next[i] = v;
    }
#pragma unroll
    for (int i = 0; i < NARROW_LOADS; i++) {
      const u32 e = threadIdx.x + i * NARROW_THREADS;
      const u32 column = n0 + (ACROSS ? e % NARROW : e / NARROW_DEPTH), depth = k0 + (ACROSS ? e / NARROW : e % NARROW_DEPTH);
      part[i] = column < n && depth < k ? w[ACROSS ? (size_t)depth * n + column : (size_t)column * k + depth] : 0.0f;
    }
  };
  fetch(0);
  for (u32 k0 = 0; k0 < k; k0 += NARROW_DEPTH) {
    float4 rows[2] = {next[0], next[1]};
#pragma unroll
    for (int i = 0; i < NARROW_LOADS; i++) {
      const u32 e = threadIdx.x + i * NARROW_THREADS;
      if (ACROSS) tile[e % NARROW][e / NARROW] = part[i];
      else tile[e / NARROW_DEPTH][e % NARROW_DEPTH] = part[i];
    }
    __syncthreads();
    if (k0 + NARROW_DEPTH < k) fetch(k0 + NARROW_DEPTH);
#pragma unroll
    for (int j = 0; j < NARROW; j++) {
      const float4 v = *(const float4 *)&tile[j][half * 128 + lane * 4];
#pragma unroll
      for (int i = 0; i < 2; i++) sums[i][j] += rows[i].x * v.x + rows[i].y * v.y + rows[i].z * v.z + rows[i].w * v.w;
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 2; i++) {
#pragma unroll
    for (int j = 0; j < NARROW; j++) {
      const float sum = warpSum(sums[i][j]);
      if (half && lane == j) halves[row0 % NARROW_ROWS + i][j] = sum;
      sums[i][j] = sum;
    }
  }
  __syncthreads();
  if (half) return;
#pragma unroll
  for (int i = 0; i < 2; i++) {
#pragma unroll
    for (int j = 0; j < NARROW; j++) {
      if (lane == j && row0 + i < m && n0 + j < n) {
        c[(size_t)(row0 + i) * n + n0 + j] = scale * (sums[i][j] + halves[row0 % NARROW_ROWS + i][j]);
      }
    }
  }
}

#define NARROW_ARGUMENTS \
  const float *x, const float *w, float *c, u32 m, u32 n, u32 k, float scale, u32 seed, u32 stream, u32 threshold, float factor
#define NARROW_MASK \
  { seed, stream, threshold, factor }

KERNEL(narrowRows, NARROW_THREADS, NARROW_ARGUMENTS) { multiplyRows<false>(x, w, c, m, n, k, scale, NARROW_MASK); }
KERNEL(narrowRowsAcross, NARROW_THREADS, NARROW_ARGUMENTS) { multiplyRows<true>(x, w, c, m, n, k, scale, NARROW_MASK); }

// C [n, m], or its transpose, = scale W^T (mask o X) for X [k, m] and W [k, n]. A lane takes a column of X, a warp every
// sixteenth row.
KERNEL(narrowColumns, NARROW_THREADS, NARROW_ARGUMENTS, u32 transposed) {
  __shared__ __align__(16) float tile[NARROW_STEP][NARROW];
  __shared__ float parts[NARROW_THREADS / 32][NARROW][NARROW_COLUMNS];
  const Dropout mask = NARROW_MASK;
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, n0 = blockIdx.y * NARROW, column = blockIdx.x * NARROW_COLUMNS + lane;
  enum { EACH = NARROW_STEP / (NARROW_THREADS / 32), LOADS = NARROW_STEP * NARROW / NARROW_THREADS };
  float sums[NARROW] = {}, values[EACH], part[LOADS];
  auto fetch = [&](u32 k0) {
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      const u32 row = k0 + warp + i * (NARROW_THREADS / 32);
      const size_t at = (size_t)row * m + column;
      values[i] = row < k && column < m ? x[at] * (mask.threshold ? mask.at(at) : 1.0f) : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < LOADS; i++) {
      const u32 e = threadIdx.x + i * NARROW_THREADS, row = k0 + e / NARROW, j = n0 + e % NARROW;
      part[i] = row < k && j < n ? w[(size_t)row * n + j] : 0.0f;
    }
  };
  fetch(0);
  for (u32 k0 = 0; k0 < k; k0 += NARROW_STEP) {
    float now[EACH];
#pragma unroll
    for (int i = 0; i < EACH; i++) now[i] = values[i];
#pragma unroll
    for (int i = 0; i < LOADS; i++) tile[(threadIdx.x + i * NARROW_THREADS) / NARROW][threadIdx.x % NARROW] = part[i];
    __syncthreads();
    if (k0 + NARROW_STEP < k) fetch(k0 + NARROW_STEP);
#pragma unroll
    for (int i = 0; i < EACH; i++) {
      const float4 *row = (const float4 *)tile[warp + i * (NARROW_THREADS / 32)];
#pragma unroll
      for (int q = 0; q < NARROW / 4; q++) {
        const float4 v = row[q];
        sums[4 * q] += now[i] * v.x, sums[4 * q + 1] += now[i] * v.y;
        sums[4 * q + 2] += now[i] * v.z, sums[4 * q + 3] += now[i] * v.w;
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int j = 0; j < NARROW; j++) parts[warp][j][lane] = sums[j];
  __syncthreads();
  const u32 j = transposed ? threadIdx.x % NARROW : warp, at = transposed ? threadIdx.x / NARROW : lane;
  float total = 0;
  for (int i = 0; i < NARROW_THREADS / 32; i++) total += parts[i][j][at];
  const u32 to = blockIdx.x * NARROW_COLUMNS + at;
  if (to < m && n0 + j < n) c[transposed ? (size_t)to * n + n0 + j : (size_t)(n0 + j) * m + to] = scale * total;
}
