// What the attention kernels on tensor cores share. Factors are rounded to bfloat16 (q, k, v and do once, P and ds in
// registers), sums are float32. A warp takes 16 rows of a product: a thread holds rows l / 4 and l / 4 + 8 of them and, of
// each 8 columns, 2 (l % 4) and the next, so that a row's values lie in the four threads of a quad.
#pragma once
#include "matrix-load.cuh"
#include "tile.cuh"

// Query rows and keys of a forward block, of a block of dq, and of a block of dk and dv.
enum { ATTEND_ROWS = 64, ATTEND_KEYS = 64, QUERY_ROWS = 64, QUERY_KEYS = 32, KEY_KEYS = 32, MMA_ATTENTION_THREADS = 128 };
#define LOG2_E 1.4426950408889634f
#define LN_2 0.6931471805599453f

#define ATTENTION_MMA_NUMBERS ATTENTION_NUMBERS, u32 straight

// Score of tile.cuh with the GPU's own exponential, in units of ln 2: P = 2^(s - lse / ln 2).
// tanh x = 1 - 2 / (2^(2 x / ln 2) + 1), whose error is some 1e-7 of the cap.
struct ScoreFast {
  float scale, cap, inner;  // inner times the product is z / ln 2 of z = scale times the product, or 2 x / ln 2 with a cap
  __device__ ScoreFast(float scale, float softcap)
      : scale(scale), cap(softcap), inner((softcap > 0 ? 2 * scale / softcap : scale) * LOG2_E) {}
  __device__ float of(float product) const {
    float z = product * inner;
    return cap > 0 ? cap * LOG2_E * (1.0f - 2.0f * reciprocalFast(exp2Fast(z) + 1.0f)) : z;
  }
  __device__ float slope(float s) const {
    float u = cap > 0 ? s / (cap * LOG2_E) : 0.0f;
    return scale * (1.0f - u * u);
  }
};

// Where a block's tile starts, among those of `size` of `count` rows, of which the first or the last have most to do. Blocks start in
// order: for each head, `straight` take the tiles from the heavy end, the others the rest from the light end, so that a
// multiprocessor that holds two blocks gets one of each.
template <bool LAST_IS_HEAVY>
__device__ inline u32 tileStart(u32 size, u32 count, u32 heads, u32 straight) {
  const u32 tiles = (count + size - 1) / size, at = blockIdx.x / heads;
  const u32 tile = at < straight ? at : tiles - 1 - (at - straight);
  return (LAST_IS_HEAVY ? tiles - 1 - tile : tile) * size;
}

// The largest, or the sum, of the values of a quad's four threads.
__device__ inline float quadMax(float value) {
  value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 1));
  return fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 2));
}
__device__ inline float quadSum(float value) {
  value += __shfl_xor_sync(0xffffffffu, value, 1);
  return value + __shfl_xor_sync(0xffffffffu, value, 2);
}

// Writes a warp's 16 rows from `first` on of one head, row l / 4 times factor0 and row l / 4 + 8 times factor1.
// values: [rows, heads, headDim]; headDim is a multiple of 8
template <int COLUMNS>
__device__ inline void storeHead(const float (&sums)[COLUMNS / 8][4], float *values, u32 first, u32 rows, u32 heads, u32 head,
                                 u32 headDim, float factor0 = 1, float factor1 = 1) {
  const u32 lane = threadIdx.x % 32;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const u32 row = first + lane / 4 + 8 * half;
    if (row >= rows) continue;
    float *to = values + ((size_t)row * heads + head) * headDim;
    const float factor = half ? factor1 : factor0;
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; n++) {
      const u32 d = 8 * n + lane % 4 * 2;
      if (8 * n < headDim) *(float2 *)(to + d) = make_float2(sums[n][2 * half] * factor, sums[n][2 * half + 1] * factor);
    }
  }
}
