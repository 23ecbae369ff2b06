// Products of bfloat16 matrices on Hopper: C = scale (A B^T + lowScale mask o (A2 B2)) + residual with A [M, K] and B [N, K] in
// bfloat16, the rest in float32.
//
// A block of three warpgroups takes 192 x 192 of C: 64 rows each. 64 of the inner dimension at a time come by asynchronous
// copies into one of four buffers, two ahead of the one that is multiplied: at the barrier of a step every warpgroup has
// waited for its products of the step before the last, whose buffer is filled next. 192 x 192, since 1,900 rows by Gemma's
// 2,304 columns are then 120 blocks for Hopper's 132 multiprocessors.
#include "bf16.cuh"
#include "dropout.cuh"
#include "wgmma.cuh"

enum { WG_ROWS = 192, WG_THREADS = 384, WG_STAGES = 4, WG_TILE_BYTES = 192 * WGMMA_ROW_BYTES, WG_STAGE_BYTES = 2 * WG_TILE_BYTES };
// row tiles that follow each other for one column tile, so that blocks that run together read the same rows and columns
enum { WG_BAND = 8 };

// The copies of a thread: four chunks of A and four of B, 48 rows apart.
struct ChunkCopies {
  const unsigned char *from[8];
  u32 to, inside, columns, column;
  __device__ ChunkCopies(const u16 *a, const u16 *b, u32 m, u32 n, u32 k, u32 m0, u32 n0) {
    const u32 row = threadIdx.x / 8, chunk = threadIdx.x % 8;
    to = swizzled(row, chunk);  // 48 rows on, the chunk is exchanged alike
    columns = k, column = chunk * 8, inside = 0;
    for (int i = 0; i < 4; i++) {
      u32 rowA = m0 + row + 48 * i, rowB = n0 + row + 48 * i;
      inside |= (rowA < m ? 1u : 0u) << i | (rowB < n ? 16u : 0u) << i;
      from[i] = (const unsigned char *)(a + (size_t)(rowA < m ? rowA : 0) * k + column);
      from[4 + i] = (const unsigned char *)(b + (size_t)(rowB < n ? rowB : 0) * k + column);
    }
  }
  __device__ void start(SharedAddress stage, u32 k0) const {
    const bool within = k0 + column < columns;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const SharedAddress place = stage + to + i % 4 * 48 * WGMMA_ROW_BYTES + i / 4 * WG_TILE_BYTES;
      copyAsync(place, within ? from[i] + 2 * (size_t)k0 : from[i], within && (inside >> i & 1));
    }
  }
};

// 64 columns of a float32 matrix [rows, depth], or [depth, rows], as a tile of bfloat16, with zeros around it.
__device__ inline void roundTile(unsigned char *tile, const float *values, u32 rows, u32 depth, bool across, u32 row0, u32 d0) {
  for (u32 pair = threadIdx.x; pair < WG_ROWS * WGMMA_DEPTH / 2; pair += WG_THREADS) {
    // along the memory's rows
    const u32 row = across ? pair % WG_ROWS : pair / (WGMMA_DEPTH / 2);
    const u32 d = 2 * (across ? pair / WG_ROWS : pair % (WGMMA_DEPTH / 2));
    float two[2];
    for (u32 e = 0; e < 2; e++) {
      const bool inside = row0 + row < rows && d0 + d + e < depth;
      two[e] = inside ? values[across ? (size_t)(d0 + d + e) * rows + row0 + row : (size_t)(row0 + row) * depth + d0 + d + e] : 0.0f;
    }
    *(u32 *)(tile + swizzled(row, d / 8) + d % 8 * 2) = bf16Pair(two[0], two[1]);
  }
}

// sums += A B^T over 64 of the inner dimension, for this warpgroup's rows
__device__ inline void multiplyStage(float (&sums)[WGMMA_SUMS], SharedAddress stage) {
  const u64 a = tileDescriptor(stage + threadIdx.x / 128 * 64 * WGMMA_ROW_BYTES), b = tileDescriptor(stage + WG_TILE_BYTES);
  beginProducts();
#pragma unroll
  for (int d = 0; d < WGMMA_DEPTH / 16; d++) wgmmaBf16(sums, a + 2 * d, b + 2 * d);  // 32 bytes on
  endProducts();
}

KERNEL(multiplyWgmma, WG_THREADS, const u16 *a, const u16 *b, const float *lowA, const float *lowB, const float *residual, float *c,
       u32 m, u32 n, u32 k, u32 lowK, u32 lowAcross, float scale, float lowScale, u32 seed, u32 stream, u32 threshold, float factor) {
  SHARED_BYTES(shared);
  unsigned char *const stages = shared + (1024 - (u32)sharedAddress(shared) % 1024) % 1024;
  const SharedAddress base = sharedAddress(stages);
  const u32 rowTiles = (m + WG_ROWS - 1) / WG_ROWS, columnTiles = (n + WGMMA_COLUMNS - 1) / WGMMA_COLUMNS;
  const u32 band = blockIdx.x / (WG_BAND * columnTiles), inBand = blockIdx.x % (WG_BAND * columnTiles);
  const u32 height = min((u32)WG_BAND, rowTiles - band * WG_BAND);
  const u32 m0 = (band * WG_BAND + inBand % height) * WG_ROWS, n0 = inBand / height * WGMMA_COLUMNS;
  const u32 row0 = m0 + threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, column0 = n0 + threadIdx.x % 4 * 2;
  float sums[WGMMA_SUMS];
#pragma unroll
  for (int i = 0; i < WGMMA_SUMS; i++) sums[i] = 0;

  for (u32 d0 = 0; d0 < lowK; d0 += WGMMA_DEPTH) {
    roundTile(stages, lowA, m, lowK, false, m0, d0);
    roundTile(stages + WG_TILE_BYTES, lowB, n, lowK, lowAcross, n0, d0);
    publishShared();
    __syncthreads();
    multiplyStage(sums, base);
    awaitProducts<0>();
    __syncthreads();
  }
  if (lowK) {
    const Dropout mask = {seed, stream, threshold, factor};
#pragma unroll
    for (int i = 0; i < WGMMA_SUMS; i++) {
      const u32 row = row0 + i % 4 / 2 * 8, column = column0 + i / 4 * 8 + i % 2;
      sums[i] *= lowScale * (threshold ? mask.at(row * n + column) : 1.0f);
    }
  }

  const ChunkCopies copies(a, b, m, n, k, m0, n0);
  const u32 steps = (k + WGMMA_DEPTH - 1) / WGMMA_DEPTH;
  for (u32 step = 0; step < WG_STAGES - 2; step++) {
    if (step < steps) copies.start(base + step * WG_STAGE_BYTES, step * WGMMA_DEPTH);
    commitCopies();
  }
  for (u32 step = 0; step < steps; step++) {
    waitForCopies<WG_STAGES - 3>();
    publishShared();
    __syncthreads();
    const u32 next = step + WG_STAGES - 2;
    if (next < steps) copies.start(base + next % WG_STAGES * WG_STAGE_BYTES, next * WGMMA_DEPTH);
    commitCopies();
    multiplyStage(sums, base + step % WG_STAGES * WG_STAGE_BYTES);
    awaitProducts<1>();
  }
  awaitProducts<0>();

#pragma unroll
  for (int j = 0; j < WGMMA_SUMS / 4; j++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const u32 row = row0 + 8 * half, column = column0 + 8 * j;
      if (row >= m || column >= n) continue;
      const size_t at = (size_t)row * n + column;
      const float first = sums[4 * j + 2 * half] * scale, second = sums[4 * j + 2 * half + 1] * scale;
      if (n % 2 == 0) {
        const float2 rest = residual ? *(const float2 *)(residual + at) : make_float2(0, 0);
        *(float2 *)(c + at) = make_float2(first + rest.x, second + rest.y);
        continue;
      }
      c[at] = first + (residual ? residual[at] : 0.0f);
      if (column + 1 < n) c[at + 1] = second + (residual ? residual[at + 1] : 0.0f);
    }
  }
}
