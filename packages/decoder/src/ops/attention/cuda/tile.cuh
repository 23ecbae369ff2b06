// What the attention kernels share. A block of 16 x 16 threads works on 32 query rows and 32 keys at a time; a thread holds
// 2 x 2 of their 32 x 32 scores (rows ty and ty + 16, columns tx and tx + 16), and of each 32 columns of a head as many.
// Heads are staged 32 columns at a time, so that 13 KiB of shared memory do for any head size.
#pragma once
#include "device.cuh"

enum { ATTENTION_TILE = 32, ATTENTION_STRIDE = ATTENTION_TILE + 1, ATTENTION_THREADS = 256 };
#define HIDDEN_SCORE -1e30f

typedef float AttentionTile[ATTENTION_TILE][ATTENTION_STRIDE];

// Numbers of a call, in the order of cuda.ts.
#define ATTENTION_NUMBERS                                                                                      \
  u32 queries, u32 tokens, u32 heads, u32 keyValueHeads, u32 headDim, u32 sequences, u32 window, float scale, float softcap

// First and last visible key of a query row; a row beyond the last sees none.
struct KeySpan {
  u32 first, last;
  __device__ bool sees(u32 key) const { return key >= first && key <= last; }
};
__device__ inline KeySpan emptySpan() { return {0xffffffffu, 0}; }

// Rows are flat token indices; a token sees its sequence up to itself, as far back as the window reaches.
__device__ inline KeySpan spanOfRow(u32 row, const int *rows, const int *offsets, u32 sequences, u32 window) {
  u32 token = rows[row], low = 0, high = sequences;  // the sequence is the last that starts at or before the token
  while (high - low > 1) {
    u32 middle = (low + high) / 2;
    if ((u32)offsets[middle] <= token) low = middle;
    else high = middle;
  }
  u32 start = offsets[low];
  return {token + 1 > window ? max(start, token + 1 - window) : start, token};
}

// The first row whose first (LAST false) or last (true) key is at least the given one: both ascend.
template <bool LAST>
__device__ inline u32 firstRow(const KeySpan *spans, u32 queries, u32 key) {
  u32 low = 0, high = queries;
  while (low < high) {
    u32 middle = (low + high) / 2;
    if ((LAST ? spans[middle].last : spans[middle].first) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

// s = cap tanh(z / cap) of z = scale times the product, and its slope by the product.
struct Score {
  float scale, softcap;
  __device__ float of(float product) const {
    float z = product * scale;
    return softcap > 0 ? softcap * tanhf(z / softcap) : z;
  }
  __device__ float slope(float s) const {
    float u = softcap > 0 ? s / softcap : 0.0f;
    return scale * (1.0f - u * u);
  }
};

// A matrix with a row a token, of which one head is read.
struct HeadRows {
  const float *values;
  u32 rows, stride, offset, headDim;
};

__device__ inline void stage(AttentionTile &tile, const HeadRows &matrix, u32 first, u32 chunk) {
  for (u32 e = threadIdx.x; e < ATTENTION_TILE * ATTENTION_TILE; e += ATTENTION_THREADS) {
    u32 row = first + e / ATTENTION_TILE, d = chunk * ATTENTION_TILE + e % ATTENTION_TILE;
    bool inside = row < matrix.rows && d < matrix.headDim;
    tile[e / ATTENTION_TILE][e % ATTENTION_TILE] = inside ? matrix.values[(size_t)row * matrix.stride + matrix.offset + d] : 0.0f;
  }
}

// The 2 x 2 products of rows of `a` with rows of `b` over the head's columns: [ty tx], [ty tx+16], [ty+16 tx], [ty+16 tx+16].
template <int CHUNKS>
__device__ inline void products(float (&z)[4], AttentionTile &tileA, AttentionTile &tileB, const HeadRows &a, u32 firstA,
                                const HeadRows &b, u32 firstB) {
  const u32 tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  z[0] = z[1] = z[2] = z[3] = 0;
  for (u32 chunk = 0; chunk < CHUNKS; chunk++) {
    stage(tileA, a, firstA, chunk);
    stage(tileB, b, firstB, chunk);
    __syncthreads();
#pragma unroll 8
    for (int d = 0; d < ATTENTION_TILE; d++) {
      float x0 = tileA[ty][d], x1 = tileA[ty + 16][d], y0 = tileB[tx][d], y1 = tileB[tx + 16][d];
      z[0] += x0 * y0, z[1] += x0 * y1, z[2] += x1 * y0, z[3] += x1 * y1;
    }
    __syncthreads();
  }
}

// Adds P B, or P^T B, to the sums: four for each chunk of the head's columns.
template <int CHUNKS, bool TRANSPOSED>
__device__ inline void addTile(float (&sums)[CHUNKS][4], const AttentionTile &p, AttentionTile &tileB, const HeadRows &b, u32 firstB) {
  const u32 tx = threadIdx.x % 16, ty = threadIdx.x / 16;
#pragma unroll
  for (int chunk = 0; chunk < CHUNKS; chunk++) {
    stage(tileB, b, firstB, chunk);
    __syncthreads();
#pragma unroll 8
    for (int e = 0; e < ATTENTION_TILE; e++) {
      float x0 = TRANSPOSED ? p[e][ty] : p[ty][e], x1 = TRANSPOSED ? p[e][ty + 16] : p[ty + 16][e];
      float y0 = tileB[e][tx], y1 = tileB[e][tx + 16];
      sums[chunk][0] += x0 * y0, sums[chunk][1] += x0 * y1, sums[chunk][2] += x1 * y0, sums[chunk][3] += x1 * y1;
    }
    __syncthreads();
  }
}

// Writes the sums, times a factor for row ty and one for row ty + 16, where they belong.
template <int CHUNKS>
__device__ inline void storeSums(const float (&sums)[CHUNKS][4], float *values, const HeadRows &place, u32 first, float factor0 = 1,
                                 float factor1 = 1) {
  const u32 tx = threadIdx.x % 16, ty = threadIdx.x / 16;
#pragma unroll
  for (int chunk = 0; chunk < CHUNKS; chunk++) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      u32 row = first + ty + i / 2 * 16, d = chunk * ATTENTION_TILE + tx + i % 2 * 16;
      if (row < place.rows && d < place.headDim) {
        values[(size_t)row * place.stride + place.offset + d] = sums[chunk][i] * (i / 2 ? factor1 : factor0);
      }
    }
  }
}
