// The products of gemm.cuh on tensor cores: factors are rounded to bfloat16 as a tile is filled, sums stay float32.
//
// A block of 8 warps takes a tile of 128 x 128 of C, 32 of the inner dimension at a time, in two buffers of shared memory; a
// warp takes 64 x 32 of it as 4 x 4 products of 16 x 8. Both tiles lie with the inner dimension along their rows, two values
// to a word; rows are 20 words apart, so that the 32 lanes of a fragment read 32 banks.
#pragma once
#include "bf16.cuh"
#include "gemm.cuh"

enum { MMA_TILE = 128, MMA_DEPTH = 32, MMA_WORDS = MMA_DEPTH / 2, MMA_STRIDE = MMA_WORDS + 4 };

typedef u32 MmaTile[MMA_TILE][MMA_STRIDE];

#ifdef __CUDACC__
// d += A B for A [16, 16] and B [16, 8] in the fragments that PTX describes for mma.m16n8k16
__device__ inline void mmaBf16(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#endif

// A thread's place in a tile that is read along the inner dimension: eight threads to a row, four values each.
__device__ inline u32 alongRow(int i) { return threadIdx.x / 8 + 32 * i; }
__device__ inline u32 alongDepth() { return threadIdx.x % 8 * 4; }
// And across it: two neighbours of the inner dimension and four rows; the lanes of a warp read 8 x 16 bytes of 4 pairs.
__device__ inline u32 acrossRow() { return (threadIdx.x % 8 + threadIdx.x / 32 % 4 * 8) * 4; }
__device__ inline u32 acrossPair(int i) { return threadIdx.x / 8 % 4 + threadIdx.x / 128 * 4 + 8 * i; }

template <bool ALONG, class Matrix>
__device__ inline void fetchMma(float4 (&part)[4], const Matrix &matrix, u32 first, u32 k0) {
  if (ALONG) {
#pragma unroll
    for (int i = 0; i < 4; i++) part[i] = matrix.read(first + alongRow(i), k0 + alongDepth());
  } else {
#pragma unroll
    for (int i = 0; i < 4; i++) part[i] = matrix.read(k0 + 2 * acrossPair(i / 2) + i % 2, first + acrossRow());
  }
}

template <bool ALONG>
__device__ inline void storeMma(MmaTile &tile, const float4 (&part)[4]) {
  if (ALONG) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      *(uint2 *)&tile[alongRow(i)][alongDepth() / 2] = make_uint2(bf16Pair(part[i].x, part[i].y), bf16Pair(part[i].z, part[i].w));
    }
  } else {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const float4 even = part[2 * i], odd = part[2 * i + 1];
      tile[acrossRow()][acrossPair(i)] = bf16Pair(even.x, odd.x);
      tile[acrossRow() + 1][acrossPair(i)] = bf16Pair(even.y, odd.y);
      tile[acrossRow() + 2][acrossPair(i)] = bf16Pair(even.z, odd.z);
      tile[acrossRow() + 3][acrossPair(i)] = bf16Pair(even.w, odd.w);
    }
  }
}

// sums += A B over the inner dimension k, for the tile at (m0, n0)
template <int FORM, class A, class B>
__device__ inline void addProductMma(float (&sums)[4][4][4], MmaTile (&tileA)[2], MmaTile (&tileB)[2], const A &a, const B &b, u32 k,
                                     u32 m0, u32 n0) {
  const u32 lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  const u32 row0 = threadIdx.x / 128 * 64 + g, column0 = threadIdx.x / 32 % 4 * 32 + g;
  float4 partA[4], partB[4];
  fetchMma<FORM != TN>(partA, a, m0, 0);
  fetchMma<FORM == NT>(partB, b, n0, 0);
  storeMma<FORM != TN>(tileA[0], partA);
  storeMma<FORM == NT>(tileB[0], partB);
  __syncthreads();
  int at = 0;
  for (u32 k0 = 0; k0 < k; k0 += MMA_DEPTH, at ^= 1) {
    bool more = k0 + MMA_DEPTH < k;
    if (more) {
      fetchMma<FORM != TN>(partA, a, m0, k0 + MMA_DEPTH);
      fetchMma<FORM == NT>(partB, b, n0, k0 + MMA_DEPTH);
    }
#pragma unroll
    for (int d = 0; d < MMA_WORDS; d += 8) {
      u32 fragmentA[4][4], fragmentB[4][2];
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const u32 row = row0 + 16 * i;
        fragmentA[i][0] = tileA[at][row][d + t];
        fragmentA[i][1] = tileA[at][row + 8][d + t];
        fragmentA[i][2] = tileA[at][row][d + t + 4];
        fragmentA[i][3] = tileA[at][row + 8][d + t + 4];
        fragmentB[i][0] = tileB[at][column0 + 8 * i][d + t];
        fragmentB[i][1] = tileB[at][column0 + 8 * i][d + t + 4];
      }
#pragma unroll
      for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++) mmaBf16(sums[i][j], fragmentA[i], fragmentB[j]);
      }
    }
    if (more) {
      storeMma<FORM != TN>(tileA[at ^ 1], partA);
      storeMma<FORM == NT>(tileB[at ^ 1], partB);
    }
    __syncthreads();
  }
}

// The tile of C that this block takes.
template <int FORM, class A, class B>
__device__ inline void multiplyMma(const A &a, const B &b, const Product &p) {
  __shared__ __align__(16) MmaTile tileA[2], tileB[2];
  const u32 m0 = blockIdx.y * MMA_TILE, n0 = blockIdx.x * MMA_TILE, lane = threadIdx.x % 32;
  // a thread holds rows r and r + 8, columns c and c + 1 of each product of 16 x 8
  const u32 row0 = m0 + threadIdx.x / 128 * 64 + lane / 4, column0 = n0 + threadIdx.x / 32 % 4 * 32 + lane % 4 * 2;
  float sums[4][4][4] = {};
  if (p.lowK) {
    FloatMatrix lowA = {p.lowA, FORM == TN ? p.lowK : p.m, FORM == TN ? p.m : p.lowK};
    FloatMatrix lowB = {p.lowB, FORM == NT ? p.n : p.lowK, FORM == NT ? p.lowK : p.n};
    addProductMma<FORM>(sums, tileA, tileB, lowA, lowB, p.lowK, m0, n0);
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          u32 row = row0 + 16 * i + e / 2 * 8, column = column0 + 8 * j + e % 2;
          sums[i][j][e] *= p.lowScale * (FORM == NN && p.lowMask.threshold ? p.lowMask.at(row * p.n + column) : 1.0f);
        }
      }
    }
  }
  addProductMma<FORM>(sums, tileA, tileB, a, b, p.k, m0, n0);
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        u32 row = row0 + 16 * i + 8 * half, column = column0 + 8 * j;
        if (row >= p.m || column >= p.n) continue;
        size_t at = (size_t)row * p.n + column;
        float first = sums[i][j][2 * half] * p.scale, second = sums[i][j][2 * half + 1] * p.scale;
        if (p.n % 2 == 0) {
          float2 rest = p.residual ? *(const float2 *)(p.residual + at) : make_float2(0, 0);
          *(float2 *)(p.c + at) = make_float2(first + rest.x, second + rest.y);
          continue;
        }
        p.c[at] = first + (p.residual ? p.residual[at] : 0.0f);
        if (column + 1 < p.n) p.c[at + 1] = second + (p.residual ? p.residual[at + 1] : 0.0f);
      }
    }
  }
}
