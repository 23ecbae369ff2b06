// Attention's gradients on tensor cores, in two passes as in kernel.cu: dq, then dk and dv. Each forms P anew, and sums in an
// order that never changes.
#include "tile-mma.cuh"

// As attentionPrepare of kernel.cu; do is rounded too, to [queries, heads, columns / 2], and D is of the rounded one: then the rows of
// ds sum to nothing, as they should. A warp takes one head of a row.
KERNEL(attentionPrepareMma, 128, const float *dO, const float *o, const float *lse, const int *offsets, const int *rows,
       u32 *rounded, float *stats, u32 *spans, u32 columns, ATTENTION_NUMBERS) {
  const u32 lane = threadIdx.x % 32;
  const u32 at = blockIdx.x * 4 + threadIdx.x / 32;
  if (at >= queries * heads) return;
  const float *from = dO + (size_t)at * headDim, *other = o + (size_t)at * headDim;
  float product = 0;
  for (u32 d = 2 * lane; d < columns; d += 64) {
    const bool inside = d < headDim;
    const float2 x = inside ? *(const float2 *)(from + d) : make_float2(0, 0), y = inside ? *(const float2 *)(other + d) : x;
    const u32 pair = bf16Pair(x.x, x.y);
    rounded[(size_t)at * (columns / 2) + d / 2] = pair;
    product += __uint_as_float(pair << 16) * y.x + __uint_as_float(pair & 0xffff0000u) * y.y;
  }
  product = warpSum(product);
  if (lane) return;
  stats[2 * at] = lse[at];
  stats[2 * at + 1] = product;
  if (at % heads) return;
  const KeySpan span = spanOfRow(at / heads, rows, offsets, sequences, window);
  spans[2 * (at / heads)] = span.first;
  spans[2 * (at / heads) + 1] = span.last;
}

// A block of 4 warps takes 64 query rows of one head, a warp 16 of them. Their Q and do stay in shared memory beside one tile of
// 32 keys: K is copied while dP = do V^T is worked out, the next V while S = Q K^T and dq += ds K are.
template <int COLUMNS>
__device__ inline void queryGradientsMma(const u32 *q, const u32 *k, const u32 *v, const u32 *dO, const float *stats,
                                         const KeySpan *spans, float *dq, ATTENTION_MMA_NUMBERS) {
  enum { THREADS = MMA_ATTENTION_THREADS, N = QUERY_KEYS / 8 };
  SHARED_BYTES(shared);
  const SharedAddress tileQ = sharedAddress(shared), tileO = tileQ + QUERY_ROWS * COLUMNS * 2,
                      tileK = tileO + QUERY_ROWS * COLUMNS * 2, tileV = tileK + QUERY_KEYS * COLUMNS * 2;
  const u32 lane = threadIdx.x % 32, warpRow = threadIdx.x / 32 * 16;
  const u32 head = blockIdx.x % heads, keyHead = head / (heads / keyValueHeads);
  const u32 q0 = tileStart<true>(QUERY_ROWS, queries, heads, straight);
  const ScoreFast score(scale, softcap);
  const KeySpan firstSpan = spans[q0], lastSpan = spans[min(q0 + QUERY_ROWS, queries) - 1];
  const bool whole = q0 + QUERY_ROWS <= queries;
  float lse[2], product[2];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const u32 row = q0 + warpRow + lane / 4 + 8 * half;
    const bool inside = row < queries;
    const size_t at = 2 * ((size_t)row * heads + head);
    lse[half] = inside ? stats[at] * LOG2_E : 0.0f;
    product[half] = inside ? stats[at + 1] : 0.0f;
  }

  float sums[COLUMNS / 8][4] = {};
  copyTile<COLUMNS, QUERY_ROWS, THREADS>(tileQ, q, q0, queries, heads, head);
  copyTile<COLUMNS, QUERY_ROWS, THREADS>(tileO, dO, q0, queries, heads, head);
  copyTile<COLUMNS, QUERY_KEYS, THREADS>(tileV, v, firstSpan.first, tokens, keyValueHeads, keyHead);
  commitCopies();
  for (u32 k0 = firstSpan.first; k0 <= lastSpan.last; k0 += QUERY_KEYS) {
    waitForCopies<0>();
    __syncthreads();
    copyTile<COLUMNS, QUERY_KEYS, THREADS>(tileK, k, k0, tokens, keyValueHeads, keyHead);
    commitCopies();
    float dp[N][4], z[N][4];
    multiplyTiles<COLUMNS, N>(dp, tileO + warpRow * COLUMNS * 2, tileV);
    waitForCopies<0>();
    __syncthreads();
    if (k0 + QUERY_KEYS <= lastSpan.last) {
      copyTile<COLUMNS, QUERY_KEYS, THREADS>(tileV, v, k0 + QUERY_KEYS, tokens, keyValueHeads, keyHead);
      commitCopies();
    }
    multiplyTiles<COLUMNS, N>(z, tileQ + warpRow * COLUMNS * 2, tileK);
    const bool open = whole && lastSpan.first <= k0 && firstSpan.last >= k0 + QUERY_KEYS - 1;
#pragma unroll
    for (int n = 0; n < N; n++) {
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const float s = score.of(z[n][e]);
        const float p = exp2Fast(fminf(s - lse[e / 2], 126.0f));
        z[n][e] = p * (dp[n][e] - product[e / 2]) * score.slope(s);
      }
    }
    if (!open) {
      const u32 row = q0 + warpRow + lane / 4;
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const KeySpan span = row + 8 * half < queries ? spans[row + 8 * half] : emptySpan();
#pragma unroll
        for (int n = 0; n < N; n++) {
#pragma unroll
          for (int e = 0; e < 2; e++) {
            if (!span.sees(k0 + 8 * n + lane % 4 * 2 + e)) z[n][2 * half + e] = 0;
          }
        }
      }
    }
    u32 ds[N / 2][4];
    fragmentsOf(ds, z);
    addProduct<COLUMNS>(sums, ds, tileK);
  }
  storeHead<COLUMNS>(sums, dq, q0 + warpRow, queries, heads, head, headDim);
}

// A block takes 32 keys of a key head and goes over all query rows that see them, ROWS at a time in two buffers, of all query
// heads that share it. Two of its four warps work out P^T (of S^T = K Q^T) and dv += P^T do, the other two dP^T = V do^T and
// dk += ds^T Q, for 16 keys each; what makes ds of dP is handed over in shared memory.
template <int COLUMNS, int ROWS>
__device__ inline void keyGradientsMma(const u32 *q, const u32 *k, const u32 *v, const u32 *dO, const float *stats,
                                       const KeySpan *spans, float *dk, float *dv, ATTENTION_MMA_NUMBERS) {
  enum { THREADS = MMA_ATTENTION_THREADS, N = ROWS / 8, WARPS = KEY_KEYS / 16, TILE = KEY_KEYS * COLUMNS * 2, ROW_TILE = ROWS * COLUMNS * 2 };
  SHARED_BYTES(shared);
  const SharedAddress tileK = sharedAddress(shared), tileV = tileK + TILE, tiles = tileV + TILE;
  // in the blocks that start last, the pairs of warps change places, so that a multiprocessor's parts that have one block's first pair
  // have the other block's second
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, group = warp % WARPS;
  float *const handed = (float *)(shared + 2 * TILE + 4 * ROW_TILE) + group * N * 4 * 32 + lane;
  const bool second = (warp >= WARPS) != (blockIdx.x / keyValueHeads >= straight);
  const u32 keyHead = blockIdx.x % keyValueHeads, perKey = heads / keyValueHeads;
  const u32 k0 = tileStart<false>(KEY_KEYS, tokens, keyValueHeads, straight);
  const u32 key = k0 + group * 16 + lane / 4;  // and the one 8 later
  const ScoreFast score(scale, softcap);
  const u32 firstQuery = firstRow<true>(spans, queries, k0), endQuery = firstRow<false>(spans, queries, k0 + KEY_KEYS);
  const u32 perHead = endQuery > firstQuery ? (endQuery - firstQuery + ROWS - 1) / ROWS : 0, count = perHead * perKey;

  // Q and do of step i; then two buffers of them
  auto copyRows = [&](u32 i) {
    const u32 head = keyHead * perKey + i / perHead, q0 = firstQuery + i % perHead * ROWS;
    const SharedAddress to = tiles + i % 2 * (2 * ROW_TILE);
    copyTile<COLUMNS, ROWS, THREADS>(to, q, q0, queries, heads, head);
    copyTile<COLUMNS, ROWS, THREADS>(to + ROW_TILE, dO, q0, queries, heads, head);
  };
  copyTile<COLUMNS, KEY_KEYS, THREADS>(tileK, k, k0, tokens, keyValueHeads, keyHead);
  copyTile<COLUMNS, KEY_KEYS, THREADS>(tileV, v, k0, tokens, keyValueHeads, keyHead);
  if (count) copyRows(0);
  commitCopies();
  float sums[COLUMNS / 8][4] = {};
  for (u32 i = 0; i < count; i++) {
    const u32 head = keyHead * perKey + i / perHead, q0 = firstQuery + i % perHead * ROWS;
    waitForCopies<0>();
    __syncthreads();
    if (i + 1 < count) {
      copyRows(i + 1);
      commitCopies();
    }
    // lse of the thread's rows, or D
    float of[N][2];
#pragma unroll
    for (int n = 0; n < N; n++) {
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const u32 row = q0 + 8 * n + lane % 4 * 2 + e;
        of[n][e] = row < queries ? stats[2 * ((size_t)row * heads + head) + second] : 0.0f;
      }
    }
    const SharedAddress tileQ = tiles + i % 2 * (2 * ROW_TILE), tileO = tileQ + ROW_TILE;
    float z[N][4];
    multiplyTiles<COLUMNS, N>(z, (second ? tileV : tileK) + group * 16 * COLUMNS * 2, second ? tileO : tileQ);
    if (!second) {
      const bool open = q0 + ROWS <= queries && spans[q0 + ROWS - 1].first <= k0 && spans[q0].last >= k0 + KEY_KEYS - 1;
#pragma unroll
      for (int n = 0; n < N; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) {
          const float s = score.of(z[n][e]);
          z[n][e] = exp2Fast(fminf(s - of[n][e % 2] * LOG2_E, 126.0f));
          handed[(4 * n + e) * 32] = z[n][e] * score.slope(s);
        }
      }
      if (!open) {
#pragma unroll
        for (int n = 0; n < N; n++) {
#pragma unroll
          for (int e = 0; e < 2; e++) {
            const u32 row = q0 + 8 * n + lane % 4 * 2 + e;
            const KeySpan span = row < queries ? spans[row] : emptySpan();
            if (!span.sees(key)) z[n][e] = 0, handed[(4 * n + e) * 32] = 0;
            if (!span.sees(key + 8)) z[n][2 + e] = 0, handed[(4 * n + 2 + e) * 32] = 0;
          }
        }
      }
    }
    __syncthreads();
    if (second) {
#pragma unroll
      for (int n = 0; n < N; n++) {
#pragma unroll
        for (int e = 0; e < 4; e++) z[n][e] = (z[n][e] - of[n][e % 2]) * handed[(4 * n + e) * 32];
      }
    }
    u32 p[N / 2][4];
    fragmentsOf(p, z);
    addProduct<COLUMNS>(sums, p, second ? tileQ : tileO);
  }
  waitForCopies<0>();
  storeHead<COLUMNS>(sums, second ? dk : dv, k0 + group * 16, tokens, keyValueHeads, keyHead, headDim);
}

#define ATTENTION_MMA_VALUES queries, tokens, heads, keyValueHeads, headDim, sequences, window, scale, softcap, straight
#define ATTENTION_MMA_BACKWARD(columns)                                                                                         \
  KERNEL(attentionQueriesMma##columns, MMA_ATTENTION_THREADS, const u32 *q, const u32 *k, const u32 *v, const u32 *dO,          \
         const float *stats, const KeySpan *spans, float *dq, ATTENTION_MMA_NUMBERS) {                                          \
    queryGradientsMma<columns>(q, k, v, dO, stats, spans, dq, ATTENTION_MMA_VALUES);                                            \
  }
#define ATTENTION_MMA_KEYS(columns, rows)                                                                                       \
  KERNEL(attentionKeysMma##columns##x##rows, MMA_ATTENTION_THREADS, const u32 *q, const u32 *k, const u32 *v, const u32 *dO,    \
         const float *stats, const KeySpan *spans, float *dk, float *dv, ATTENTION_MMA_NUMBERS) {                               \
    keyGradientsMma<columns, rows>(q, k, v, dO, stats, spans, dk, dv, ATTENTION_MMA_VALUES);                                    \
  }

ATTENTION_MMA_BACKWARD(64)
ATTENTION_MMA_BACKWARD(128)
ATTENTION_MMA_BACKWARD(256)
ATTENTION_MMA_KEYS(64, 32)
ATTENTION_MMA_KEYS(128, 32)
// for blocks of 99 KiB of shared memory, and of more
ATTENTION_MMA_KEYS(256, 16)
ATTENTION_MMA_KEYS(256, 32)
