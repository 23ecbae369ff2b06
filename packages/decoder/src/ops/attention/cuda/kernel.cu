// Attention in the manner of Dao et al. 2022: softmax over tiles of keys with a running maximum; backward in two passes over
// tiles (dq, then dk and dv) that form P = exp(s - lse) anew. Nothing of size Q x T is stored, and nothing is summed in an
// order that could change. Which keys a query sees is found on the GPU, from rows and offsets.
#include "tile.cuh"

template <int CHUNKS>
__device__ inline void attend(const float *q, const float *k, const float *v, const int *offsets, const int *rows, float *o,
                              float *lse, ATTENTION_NUMBERS) {
  __shared__ AttentionTile tileA, tileB, tileP;
  __shared__ KeySpan spans[ATTENTION_TILE];
  __shared__ float maximum[ATTENTION_TILE], sum[ATTENTION_TILE], factor[ATTENTION_TILE];
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32, tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const u32 q0 = blockIdx.x * ATTENTION_TILE, head = blockIdx.y, keyHead = head / (heads / keyValueHeads);
  const HeadRows queryRows = {q, queries, heads * headDim, head * headDim, headDim};
  const HeadRows keyRows = {k, tokens, keyValueHeads * headDim, keyHead * headDim, headDim};
  const HeadRows valueRows = {v, tokens, keyValueHeads * headDim, keyHead * headDim, headDim};
  const Score score = {scale, softcap};
  if (threadIdx.x < ATTENTION_TILE) {
    maximum[threadIdx.x] = HIDDEN_SCORE;
    sum[threadIdx.x] = 0;
    spans[threadIdx.x] = q0 + threadIdx.x < queries ? spanOfRow(q0 + threadIdx.x, rows, offsets, sequences, window) : emptySpan();
  }
  __syncthreads();
  // rows ascend, and so do their first and last keys
  const u32 firstKey = spans[0].first, endKey = spans[min((u32)ATTENTION_TILE, queries - q0) - 1].last + 1;
  float sums[CHUNKS][4] = {};
  for (u32 k0 = firstKey; k0 < endKey; k0 += ATTENTION_TILE) {
    float z[4];
    products<CHUNKS>(z, tileA, tileB, queryRows, q0, keyRows, k0);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      u32 row = ty + i / 2 * 16, column = tx + i % 2 * 16;
      tileP[row][column] = spans[row].sees(k0 + column) ? score.of(z[i]) : HIDDEN_SCORE;
    }
    __syncthreads();
    // a warp takes four rows, a lane a key
    for (u32 row = warp * 4; row < warp * 4 + 4; row++) {
      float s = tileP[row][lane];
      float most = fmaxf(maximum[row], warpMax(s));
      float p = s > HIDDEN_SCORE ? expf(s - most) : 0.0f;
      float total = warpSum(p);
      tileP[row][lane] = p;
      __syncwarp();
      if (lane == 0) {
        float change = expf(maximum[row] - most);
        sum[row] = sum[row] * change + total;
        factor[row] = change;
        maximum[row] = most;
      }
    }
    __syncthreads();
    const float change0 = factor[ty], change1 = factor[ty + 16];
#pragma unroll
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
      sums[chunk][0] *= change0, sums[chunk][1] *= change0, sums[chunk][2] *= change1, sums[chunk][3] *= change1;
    }
    addTile<CHUNKS, false>(sums, tileP, tileB, valueRows, k0);
  }
  storeSums<CHUNKS>(sums, o, queryRows, q0, 1.0f / fmaxf(sum[ty], 1e-30f), 1.0f / fmaxf(sum[ty + 16], 1e-30f));
  if (threadIdx.x < ATTENTION_TILE && q0 + threadIdx.x < queries) {
    lse[(size_t)(q0 + threadIdx.x) * heads + head] = maximum[threadIdx.x] + logf(sum[threadIdx.x]);
  }
}

// stats: lse and D = rowsum(do o) of each query row and head, a warp each; spans: each row's first and last key
KERNEL(attentionPrepare, 128, const float *dO, const float *o, const float *lse, const int *offsets, const int *rows, float *stats,
       u32 *spans, ATTENTION_NUMBERS) {
  const u32 lane = threadIdx.x % 32;
  const u32 at = blockIdx.x * 4 + threadIdx.x / 32;
  if (at >= queries * heads) return;
  float product = 0;
  for (u32 d = lane; d < headDim; d += 32) product += dO[(size_t)at * headDim + d] * o[(size_t)at * headDim + d];
  product = warpSum(product);
  if (lane) return;
  stats[2 * at] = lse[at];
  stats[2 * at + 1] = product;
  if (at % heads) return;
  KeySpan span = spanOfRow(at / heads, rows, offsets, sequences, window);
  spans[2 * (at / heads)] = span.first;
  spans[2 * (at / heads) + 1] = span.last;
}

// What a tile of query rows is, for the backward passes.
struct RowTile {
  KeySpan spans[ATTENTION_TILE];
  float lse[ATTENTION_TILE], d[ATTENTION_TILE];
};

__device__ inline void loadRows(RowTile &tile, const float *stats, const KeySpan *spans, u32 q0, u32 queries, u32 heads, u32 head) {
  if (threadIdx.x < ATTENTION_TILE) {
    u32 row = q0 + threadIdx.x;
    bool inside = row < queries;
    size_t at = 2 * ((size_t)row * heads + head);
    tile.spans[threadIdx.x] = inside ? spans[row] : emptySpan();
    tile.lse[threadIdx.x] = inside ? stats[at] : 0.0f;
    tile.d[threadIdx.x] = inside ? stats[at + 1] : 0.0f;
  }
  __syncthreads();
}

template <int CHUNKS>
__device__ inline void queryGradients(const float *q, const float *k, const float *v, const float *dO, const float *stats,
                                      const KeySpan *spans, float *dq, ATTENTION_NUMBERS) {
  __shared__ AttentionTile tileA, tileB, tileP;
  __shared__ RowTile tile;
  const u32 tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const u32 q0 = blockIdx.x * ATTENTION_TILE, head = blockIdx.y, keyHead = head / (heads / keyValueHeads);
  const HeadRows queryRows = {q, queries, heads * headDim, head * headDim, headDim};
  const HeadRows outRows = {dO, queries, heads * headDim, head * headDim, headDim};
  const HeadRows keyRows = {k, tokens, keyValueHeads * headDim, keyHead * headDim, headDim};
  const HeadRows valueRows = {v, tokens, keyValueHeads * headDim, keyHead * headDim, headDim};
  const Score score = {scale, softcap};
  loadRows(tile, stats, spans, q0, queries, heads, head);
  const u32 firstKey = tile.spans[0].first, endKey = tile.spans[min((u32)ATTENTION_TILE, queries - q0) - 1].last + 1;
  float sums[CHUNKS][4] = {};
  for (u32 k0 = firstKey; k0 < endKey; k0 += ATTENTION_TILE) {
    float z[4], dp[4];
    products<CHUNKS>(z, tileA, tileB, queryRows, q0, keyRows, k0);
    products<CHUNKS>(dp, tileA, tileB, outRows, q0, valueRows, k0);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      u32 row = ty + i / 2 * 16, column = tx + i % 2 * 16;
      float s = score.of(z[i]);
      float p = tile.spans[row].sees(k0 + column) ? expf(fminf(s - tile.lse[row], 88.0f)) : 0.0f;
      tileP[row][column] = p * (dp[i] - tile.d[row]) * score.slope(s);
    }
    __syncthreads();
    addTile<CHUNKS, false>(sums, tileP, tileB, keyRows, k0);
  }
  storeSums<CHUNKS>(sums, dq, queryRows, q0);
}

// A block takes 32 keys of a key head and goes over all query rows that see them, of all query heads that share it.
template <int CHUNKS>
__device__ inline void keyGradients(const float *q, const float *k, const float *v, const float *dO, const float *stats,
                                    const KeySpan *spans, float *dk, float *dv, ATTENTION_NUMBERS) {
  __shared__ AttentionTile tileA, tileB, tileP;
  __shared__ RowTile tile;
  const u32 tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const u32 k0 = blockIdx.x * ATTENTION_TILE, keyHead = blockIdx.y, shared = heads / keyValueHeads;
  const HeadRows keyRows = {k, tokens, keyValueHeads * headDim, keyHead * headDim, headDim};
  const HeadRows valueRows = {v, tokens, keyValueHeads * headDim, keyHead * headDim, headDim};
  const Score score = {scale, softcap};
  const u32 firstQuery = firstRow<true>(spans, queries, k0), endQuery = firstRow<false>(spans, queries, k0 + ATTENTION_TILE);
  float keySums[CHUNKS][4] = {}, valueSums[CHUNKS][4] = {};
  for (u32 head = keyHead * shared; head < (keyHead + 1) * shared; head++) {
    const HeadRows queryRows = {q, queries, heads * headDim, head * headDim, headDim};
    const HeadRows outRows = {dO, queries, heads * headDim, head * headDim, headDim};
    for (u32 q0 = firstQuery; q0 < endQuery; q0 += ATTENTION_TILE) {
      loadRows(tile, stats, spans, q0, queries, heads, head);
      float z[4], dp[4], p[4];
      products<CHUNKS>(z, tileA, tileB, queryRows, q0, keyRows, k0);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        u32 row = ty + i / 2 * 16, column = tx + i % 2 * 16;
        z[i] = score.of(z[i]);
        p[i] = tile.spans[row].sees(k0 + column) ? expf(fminf(z[i] - tile.lse[row], 88.0f)) : 0.0f;
        tileP[row][column] = p[i];
      }
      __syncthreads();
      addTile<CHUNKS, true>(valueSums, tileP, tileB, outRows, q0);
      products<CHUNKS>(dp, tileA, tileB, outRows, q0, valueRows, k0);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        u32 row = ty + i / 2 * 16, column = tx + i % 2 * 16;
        tileP[row][column] = p[i] * (dp[i] - tile.d[row]) * score.slope(z[i]);
      }
      __syncthreads();
      addTile<CHUNKS, true>(keySums, tileP, tileB, queryRows, q0);
    }
  }
  storeSums<CHUNKS>(keySums, dk, keyRows, k0);
  storeSums<CHUNKS>(valueSums, dv, keyRows, k0);
}

// Heads of up to 32, 64, 128 and 256 columns.
#define ATTENTION_VALUES queries, tokens, heads, keyValueHeads, headDim, sequences, window, scale, softcap
#define ATTENTION(chunks, columns)                                                                                              \
  KERNEL(attention##columns, ATTENTION_THREADS, const float *q, const float *k, const float *v, const int *offsets,            \
         const int *rows, float *o, float *lse, ATTENTION_NUMBERS) {                                                           \
    attend<chunks>(q, k, v, offsets, rows, o, lse, ATTENTION_VALUES);                                                          \
  }                                                                                                                            \
  KERNEL(attentionQueries##columns, ATTENTION_THREADS, const float *q, const float *k, const float *v, const float *dO,        \
         const float *stats, const KeySpan *spans, float *dq, ATTENTION_NUMBERS) {                                             \
    queryGradients<chunks>(q, k, v, dO, stats, spans, dq, ATTENTION_VALUES);                                                   \
  }                                                                                                                            \
  KERNEL(attentionKeys##columns, ATTENTION_THREADS, const float *q, const float *k, const float *v, const float *dO,           \
         const float *stats, const KeySpan *spans, float *dk, float *dv, ATTENTION_NUMBERS) {                                  \
    keyGradients<chunks>(q, k, v, dO, stats, spans, dk, dv, ATTENTION_VALUES);                                                 \
  }

ATTENTION(1, 32)
ATTENTION(2, 64)
ATTENTION(4, 128)
ATTENTION(8, 256)
