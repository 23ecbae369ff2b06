// How tiles of bfloat16 come to mma.sync: global memory to shared memory by cp.async, shared memory to fragments by
// ldmatrix (PTX 7.0, sm_80). Two values to a word.
//
// A tile has rows of COLUMNS values, a multiple of 64. The 16-byte parts of row r stand in the order part ^ (r % 8), so that
// the eight rows of a matrix that ldmatrix reads at once lie in different banks.
#pragma once
#include "async-copy.cuh"
#include "gemm-mma.cuh"

#ifdef __CUDACC__
// Four matrices of 8 x 8: lane l gives the address of row l % 8 of matrix l / 8, and gets of each the pair at row l / 4,
// columns 2 (l % 4) and the next.
__device__ inline void loadMatrices(u32 (&r)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}
// The same of their transposes.
__device__ inline void loadTransposed(u32 (&r)[4], SharedAddress row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(row)
               : "memory");
}

// 2^x and 1 / x to some two units in the last place.
__device__ inline float exp2Fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ inline float reciprocalFast(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
#endif

// Queues the copy of rows [first, first + ROWS) of one head to a tile, with zeros beyond the matrix.
// matrix: [rows, heads, COLUMNS / 2]
template <int COLUMNS, int ROWS, int THREADS>
__device__ inline void copyTile(SharedAddress tile, const u32 *matrix, u32 first, u32 rows, u32 heads, u32 head) {
  enum { PARTS = COLUMNS / 8, STEP = THREADS / PARTS };  // rows that all threads together copy at once: 4 or a multiple of 8
  const u32 r = threadIdx.x / PARTS, part = threadIdx.x % PARTS;
  const u32 *from = matrix + ((size_t)(first + r) * heads + head) * (COLUMNS / 2) + part * 4;
  const SharedAddress to = tile + r * (COLUMNS * 2);
  const u32 place = (part ^ r % 8) << 4;
#pragma unroll
  for (u32 i = 0; i < ROWS / STEP; i++) {
    copyAsync(to + i * STEP * (COLUMNS * 2) + (place ^ i * STEP % 8 << 4), from, first + r + i * STEP < rows);
    from += (size_t)STEP * heads * (COLUMNS / 2);
  }
}

// z = X Y^T over the columns: 16 rows of tile X by 8 N rows of tile Y.
template <int COLUMNS, int N>
__device__ inline void multiplyTiles(float (&z)[N][4], SharedAddress x, SharedAddress y) {
  const u32 lane = threadIdx.x % 32, matrix = lane / 8, turn = lane % 8;
  const SharedAddress rowX = x + (turn + matrix % 2 * 8) * (COLUMNS * 2), rowY = y + (turn + matrix / 2 * 8) * (COLUMNS * 2);
  const u32 partX = (matrix / 2 ^ turn) << 4, partY = (matrix % 2 ^ turn) << 4;
#pragma unroll
  for (int n = 0; n < N; n++) z[n][0] = z[n][1] = z[n][2] = z[n][3] = 0;
#pragma unroll
  for (u32 step = 0; step < COLUMNS / 16; step++) {
    u32 a[4];
    loadMatrices(a, rowX + (partX ^ step * 32));
#pragma unroll
    for (u32 n = 0; n < N; n += 2) {
      u32 b[4];
      loadMatrices(b, rowY + n * (8 * COLUMNS * 2) + (partY ^ step * 32));
      mmaBf16(z[n], a, {b[0], b[1]});
      mmaBf16(z[n + 1], a, {b[2], b[3]});
    }
  }
}

// sums += P W: 16 rows of P as fragments (fragmentsOf) by the 16 K rows of tile W.
template <int COLUMNS, int K>
__device__ inline void addProduct(float (&sums)[COLUMNS / 8][4], const u32 (&p)[K][4], SharedAddress w) {
  const u32 lane = threadIdx.x % 32, matrix = lane / 8, turn = lane % 8;
  const SharedAddress row = w + (turn + matrix % 2 * 8) * (COLUMNS * 2);
  const u32 part = (matrix / 2 ^ turn) << 4;
#pragma unroll
  for (u32 k = 0; k < K; k++) {
#pragma unroll
    for (u32 n = 0; n < COLUMNS / 8; n += 2) {
      u32 b[4];
      loadTransposed(b, row + k * (16 * COLUMNS * 2) + (part ^ n * 16));
      mmaBf16(sums[n], p[k], {b[0], b[1]});
      mmaBf16(sums[n + 1], p[k], {b[2], b[3]});
    }
  }
}

// A product's values, rounded to bfloat16, as the left factor of the next product.
template <int K>
__device__ inline void fragmentsOf(u32 (&p)[K][4], const float (&z)[2 * K][4]) {
#pragma unroll
  for (int k = 0; k < K; k++) {
#pragma unroll
    for (int i = 0; i < 4; i++) p[k][i] = bf16Pair(z[2 * k + i / 2][i % 2 * 2], z[2 * k + i / 2][i % 2 * 2 + 1]);
  }
}
