// Attention's forward pass on tensor cores, in the manner of kernel.cu: softmax over tiles of keys with a running maximum.
//
// A block of 4 warps takes 64 query rows of one head, a warp 16 of them. Its tile of Q stays in shared memory; of K and V there
// is one tile of 64 keys each: V is copied while S = Q K^T is worked out, the next K while O += P V is. P goes from the
// first product's registers to the second's. 96 KiB of shared memory at 256 columns: what every GPU since Ampere has.
#include "tile-mma.cuh"

// Rounds a matrix to bfloat16, its heads filled up with zeros: [rows, heads, headDim] to [rows, heads, columns / 2]. headDim is a
// multiple of 8.
KERNEL(attentionRound, 256, const float *x, u32 *y, u32 quads, u32 headDim, u32 columns) {
  const u32 i = globalIndex();
  if (i >= quads) return;
  const u32 row = i / (columns / 4), d = i % (columns / 4) * 4;
  const float4 values = d < headDim ? *(const float4 *)(x + (size_t)row * headDim + d) : make_float4(0, 0, 0, 0);
  *(uint2 *)(y + 2 * (size_t)i) = make_uint2(bf16Pair(values.x, values.y), bf16Pair(values.z, values.w));
}

// q: [queries, heads, COLUMNS / 2], k, v: [tokens, keyValueHeads, COLUMNS / 2] in bfloat16; o, lse as in kernel.cu
template <int COLUMNS>
__device__ inline void attendMma(const u32 *q, const u32 *k, const u32 *v, const int *offsets, const int *rows, float *o,
                                 float *lse, ATTENTION_MMA_NUMBERS) {
  enum { THREADS = MMA_ATTENTION_THREADS, N = ATTEND_KEYS / 8 };
  SHARED_BYTES(shared);
  const SharedAddress tileQ = sharedAddress(shared), tileK = tileQ + ATTEND_ROWS * COLUMNS * 2,
                      tileV = tileK + ATTEND_KEYS * COLUMNS * 2;
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const u32 head = blockIdx.x % heads, keyHead = head / (heads / keyValueHeads);
  const u32 q0 = tileStart<true>(ATTEND_ROWS, queries, heads, straight);
  const ScoreFast score(scale, softcap);
  // rows ascend, and so do their first and last keys
  const KeySpan firstSpan = spanOfRow(q0, rows, offsets, sequences, window);
  const KeySpan lastSpan = spanOfRow(min(q0 + ATTEND_ROWS, queries) - 1, rows, offsets, sequences, window);
  KeySpan spans[2];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const u32 row = q0 + warp * 16 + lane / 4 + 8 * half;
    spans[half] = row < queries ? spanOfRow(row, rows, offsets, sequences, window) : emptySpan();
  }
  const bool whole = q0 + ATTEND_ROWS <= queries;

  float sums[COLUMNS / 8][4] = {}, maximum[2] = {HIDDEN_SCORE, HIDDEN_SCORE}, total[2] = {0, 0};
  copyTile<COLUMNS, ATTEND_ROWS, THREADS>(tileQ, q, q0, queries, heads, head);
  copyTile<COLUMNS, ATTEND_KEYS, THREADS>(tileK, k, firstSpan.first, tokens, keyValueHeads, keyHead);
  commitCopies();
  for (u32 k0 = firstSpan.first; k0 <= lastSpan.last; k0 += ATTEND_KEYS) {
    waitForCopies<0>();
    __syncthreads();
    copyTile<COLUMNS, ATTEND_KEYS, THREADS>(tileV, v, k0, tokens, keyValueHeads, keyHead);
    commitCopies();
    float z[N][4];
    multiplyTiles<COLUMNS, N>(z, tileQ + warp * 16 * COLUMNS * 2, tileK);
    float most[2] = {maximum[0], maximum[1]};
    // every row sees every key of the tile
    const bool open = whole && lastSpan.first <= k0 && firstSpan.last >= k0 + ATTEND_KEYS - 1;
#pragma unroll
    for (int n = 0; n < N; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) z[n][e] = score.of(z[n][e]);
    }
    if (!open) {
#pragma unroll
      for (int n = 0; n < N; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          if (!spans[e / 2].sees(k0 + 8 * n + lane % 4 * 2 + e % 2)) z[n][e] = -INFINITY;
        }
      }
    }
#pragma unroll
    for (int n = 0; n < N; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) most[e / 2] = fmaxf(most[e / 2], z[n][e]);
    }
    float change[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
      most[half] = quadMax(most[half]);
      change[half] = exp2Fast(maximum[half] - most[half]);
      maximum[half] = most[half];
      total[half] *= change[half];
    }
#pragma unroll
    for (int n = 0; n < N; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        z[n][e] = exp2Fast(z[n][e] - most[e / 2]);
        total[e / 2] += z[n][e];
      }
    }
    // after the first tiles, most have no new maximum
    if (__any_sync(0xffffffffu, change[0] < 1 || change[1] < 1)) {
#pragma unroll
      for (int n = 0; n < COLUMNS / 8; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) sums[n][e] *= change[e / 2];
      }
    }
    u32 p[N / 2][4];
    fragmentsOf(p, z);
    waitForCopies<0>();
    __syncthreads();
    if (k0 + ATTEND_KEYS <= lastSpan.last) {
      copyTile<COLUMNS, ATTEND_KEYS, THREADS>(tileK, k, k0 + ATTEND_KEYS, tokens, keyValueHeads, keyHead);
      commitCopies();
    }
    addProduct<COLUMNS>(sums, p, tileV);
  }
  const float sum0 = quadSum(total[0]), sum1 = quadSum(total[1]);
  storeHead<COLUMNS>(sums, o, q0 + warp * 16, queries, heads, head, headDim, 1 / fmaxf(sum0, 1e-30f), 1 / fmaxf(sum1, 1e-30f));
  if (lane % 4) return;
  const u32 row = q0 + warp * 16 + lane / 4;
  if (row < queries) lse[(size_t)row * heads + head] = (maximum[0] + log2f(sum0)) * LN_2;
  if (row + 8 < queries) lse[(size_t)(row + 8) * heads + head] = (maximum[1] + log2f(sum1)) * LN_2;
}

#define ATTENTION_MMA(columns)                                                                                                  \
  KERNEL(attentionMma##columns, MMA_ATTENTION_THREADS, const u32 *q, const u32 *k, const u32 *v, const int *offsets,            \
         const int *rows, float *o, float *lse, ATTENTION_MMA_NUMBERS) {                                                        \
    attendMma<columns>(q, k, v, offsets, rows, o, lse, queries, tokens, heads, keyValueHeads, headDim, sequences, window, scale,  \
                       softcap, straight);                                                                                      \
  }

ATTENTION_MMA(64)
ATTENTION_MMA(128)
ATTENTION_MMA(256)
