// Matrix products: C = scale (A B + lowScale mask o (A2 B2)) + residual, in one launch. The second matrix may be of any type
// that reads four neighbours of a row, so that a 4-bit matrix is decoded while a tile is filled and is never stored decoded.
//
// A block of 256 threads takes a tile of 64 H x 64 H of C (H = 1 or 2), 16 of the inner dimension at a time, in two buffers
// of shared memory; a thread keeps 4 H x 4 H sums in registers and fetches the next tile while it works on the one at hand.
#pragma once
#include "device.cuh"
#include "dropout.cuh"

// How A and B lie in memory: nt [M, K] and [N, K]; nn [M, K] and [K, N]; tn [K, M] and [K, N].
enum Form { NT, NN, TN };
enum { GEMM_THREADS = 256, GEMM_DEPTH = 16 };

// A float32 matrix [rows, columns] in memory, with zeros around it.
struct FloatMatrix {
  const float *values;
  u32 rows, columns;
  __device__ float4 read(u32 row, u32 column) const {
    if (row >= rows || column >= columns) return make_float4(0, 0, 0, 0);
    size_t at = (size_t)row * columns + column;
    float4 v;
    if (columns % 4 == 0) {
      v = *(const float4 *)(values + at);
    } else {
      v.x = values[at];
      v.y = column + 1 < columns ? values[at + 1] : 0;
      v.z = column + 2 < columns ? values[at + 2] : 0;
      v.w = column + 3 < columns ? values[at + 3] : 0;
    }
    return v;
  }
};

// What a product takes beside its two matrices.
struct Product {
  u32 m, n, k;
  const float *lowA, *lowB;
  u32 lowK;
  float scale, lowScale;
  Dropout lowMask; // of the form nn alone
  const float *residual;
  float *c;
};

__device__ inline float4 scaled(float4 v, float by) { return make_float4(v.x * by, v.y * by, v.z * by, v.w * by); }

// The shared memory of a block: two buffers of a tile of A and one of B, the inner dimension first.
template <int H>
struct Tiles {
  float a[2][GEMM_DEPTH][64 * H + 4];
  float b[2][GEMM_DEPTH][64 * H + 4];
};

// Fetches a thread's part of a tile that is read along the inner dimension, or across it.
template <int H, bool ALONG, class Matrix>
__device__ inline void fetch(float4 (&part)[H], const Matrix &matrix, u32 first, u32 k0) {
#pragma unroll
  for (int h = 0; h < H; h++) {
    part[h] = ALONG ? matrix.read(first + threadIdx.x / 4 + 64 * h, k0 + threadIdx.x % 4 * 4)
                    : matrix.read(k0 + threadIdx.x / 16, first + threadIdx.x % 16 * 4 + 64 * h);
  }
}

template <int H, bool ALONG>
__device__ inline void store(float (&tile)[GEMM_DEPTH][64 * H + 4], const float4 (&part)[H]) {
#pragma unroll
  for (int h = 0; h < H; h++) {
    if (ALONG) {
      u32 row = threadIdx.x / 4 + 64 * h, d = threadIdx.x % 4 * 4;
      tile[d][row] = part[h].x;
      tile[d + 1][row] = part[h].y;
      tile[d + 2][row] = part[h].z;
      tile[d + 3][row] = part[h].w;
    } else {
      *(float4 *)&tile[threadIdx.x / 16][threadIdx.x % 16 * 4 + 64 * h] = part[h];
    }
  }
}

// sums += A B over the inner dimension k, for the tile at (m0, n0)
template <int FORM, int H, class A, class B>
__device__ inline void addProduct(float (&sums)[4 * H][4 * H], Tiles<H> &tiles, const A &a, const B &b, u32 k, u32 m0, u32 n0) {
  const u32 tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  float4 partA[H], partB[H];
  fetch<H, FORM != TN>(partA, a, m0, 0);
  fetch<H, FORM == NT>(partB, b, n0, 0);
  store<H, FORM != TN>(tiles.a[0], partA);
  store<H, FORM == NT>(tiles.b[0], partB);
  __syncthreads();
  int at = 0;
  for (u32 k0 = 0; k0 < k; k0 += GEMM_DEPTH, at ^= 1) {
    bool more = k0 + GEMM_DEPTH < k;
    if (more) {
      fetch<H, FORM != TN>(partA, a, m0, k0 + GEMM_DEPTH);
      fetch<H, FORM == NT>(partB, b, n0, k0 + GEMM_DEPTH);
    }
#pragma unroll 4
    for (int d = 0; d < GEMM_DEPTH; d++) {
      float rows[4 * H], columns[4 * H];
#pragma unroll
      for (int h = 0; h < H; h++) {
        *(float4 *)&rows[4 * h] = *(const float4 *)&tiles.a[at][d][ty * 4 + 64 * h];
        *(float4 *)&columns[4 * h] = *(const float4 *)&tiles.b[at][d][tx * 4 + 64 * h];
      }
#pragma unroll
      for (int i = 0; i < 4 * H; i++) {
#pragma unroll
        for (int j = 0; j < 4 * H; j++) sums[i][j] += rows[i] * columns[j];
      }
    }
    if (more) {
      store<H, FORM != TN>(tiles.a[at ^ 1], partA);
      store<H, FORM == NT>(tiles.b[at ^ 1], partB);
    }
    __syncthreads();
  }
}

// The tile of C that this block takes.
template <int FORM, int H, class A, class B>
__device__ inline void multiply(const A &a, const B &b, const Product &p) {
  __shared__ __align__(16) Tiles<H> tiles;
  const u32 m0 = blockIdx.y * 64 * H, n0 = blockIdx.x * 64 * H;
  const u32 tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  float sums[4 * H][4 * H] = {};
  if (p.lowK) {
    FloatMatrix lowA = {p.lowA, FORM == TN ? p.lowK : p.m, FORM == TN ? p.m : p.lowK};
    FloatMatrix lowB = {p.lowB, FORM == NT ? p.n : p.lowK, FORM == NT ? p.lowK : p.n};
    addProduct<FORM, H>(sums, tiles, lowA, lowB, p.lowK, m0, n0);
#pragma unroll
    for (int i = 0; i < 4 * H; i++) {
#pragma unroll
      for (int j = 0; j < 4 * H; j++) {
        u32 row = m0 + ty * 4 + i / 4 * 64 + i % 4, column = n0 + tx * 4 + j / 4 * 64 + j % 4;
        sums[i][j] *= p.lowScale * (FORM == NN && p.lowMask.threshold ? p.lowMask.at(row * p.n + column) : 1.0f);
      }
    }
  }
  addProduct<FORM, H>(sums, tiles, a, b, p.k, m0, n0);
#pragma unroll
  for (int i = 0; i < 4 * H; i++) {
    u32 row = m0 + ty * 4 + i / 4 * 64 + i % 4;
    if (row >= p.m) continue;
#pragma unroll
    for (int h = 0; h < H; h++) {
      u32 column = n0 + tx * 4 + 64 * h;
      size_t at = (size_t)row * p.n + column;
      if (column + 3 < p.n && p.n % 4 == 0) {
        float4 v = scaled(*(float4 *)&sums[i][4 * h], p.scale);
        if (p.residual) {
          float4 r = *(const float4 *)(p.residual + at);
          v = make_float4(v.x + r.x, v.y + r.y, v.z + r.z, v.w + r.w);
        }
        *(float4 *)(p.c + at) = v;
        continue;
      }
      for (int j = 0; j < 4 && column + j < p.n; j++) {
        p.c[at + j] = sums[i][4 * h + j] * p.scale + (p.residual ? p.residual[at + j] : 0.0f);
      }
    }
  }
}

// The arguments that follow those of the matrices, in the order of gemm.ts. The mask is that of the second product.
#define PRODUCT_POINTERS const float *lowA, const float *lowB, const float *residual, float *c
#define PRODUCT_NUMBERS \
  u32 m, u32 n, u32 k, u32 lowK, float scale, float lowScale, u32 seed, u32 stream, u32 threshold, float factor
#define MASK \
  { seed, stream, threshold, factor }
#define PRODUCT \
  { m, n, k, lowA, lowB, lowK, scale, lowScale, MASK, residual, c }
