// A 4-bit matrix decoded to bfloat16, for products that read both factors so: for as long as the product takes.
#include "bf16.cuh"
#include "weight.cuh"

#define WEIGHT_ARGUMENTS const u8 *codes, const void *absmax, const float *tables, const float *nestedAbsmax
#define WEIGHT_NUMBERS u32 inFeatures, u32 outFeatures, u32 blockSize, float nestedOffset
#define WEIGHT \
  withCodebook({codes, absmax, tables, nestedAbsmax, inFeatures, outFeatures, blockSize, nestedOffset, nullptr})

// The pairs of eight values from an index that is a multiple of eight; blocks are of a multiple of eight.
__device__ inline uint4 decodeEight(const Weight4bit &weight, u32 at) {
  const u32 word = *(const u32 *)(weight.codes + at / 2);
  const float scale = weight.absmaxOf(at / weight.blockSize);
  u32 pairs[4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const u32 byte = word >> 8 * i;  // the high code comes first
    pairs[i] = bf16Pair(scale * weight.codebook[byte >> 4 & 15], scale * weight.codebook[byte & 15]);
  }
  uint4 words;
  words.x = pairs[0], words.y = pairs[1], words.z = pairs[2], words.w = pairs[3];
  return words;
}

// y [outFeatures, stride / 2], of which the first inFeatures columns are written
KERNEL(decode4bit, 256, WEIGHT_ARGUMENTS, u32 *y, WEIGHT_NUMBERS, u32 stride) {
  const Weight4bit weight = WEIGHT;
  const u32 at = globalIndex() * 8;
  if (at >= inFeatures * outFeatures) return;
  *(uint4 *)(y + ((size_t)(at / inFeatures) * stride + at % inFeatures) / 2) = decodeEight(weight, at);
}

// y [inFeatures, outFeatures / 2], 64 x 64 a block
KERNEL(decode4bitTransposed, 256, WEIGHT_ARGUMENTS, u32 *y, WEIGHT_NUMBERS) {
  __shared__ u32 tile[64][33];  // [column, pair of rows]
  const Weight4bit weight = WEIGHT;
  const u32 row0 = blockIdx.y * 64, column0 = blockIdx.x * 64;
  const u32 pair = threadIdx.x / 8, column = threadIdx.x % 8 * 8, row = row0 + 2 * pair;
  if (row < outFeatures && column0 + column < inFeatures) {
    const uint4 even = decodeEight(weight, row * inFeatures + column0 + column);
    const uint4 odd = decodeEight(weight, (row + 1) * inFeatures + column0 + column);
    const u32 a[4] = {even.x, even.y, even.z, even.w}, b[4] = {odd.x, odd.y, odd.z, odd.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      tile[column + 2 * i][pair] = (a[i] & 0xffffu) | b[i] << 16;
      tile[column + 2 * i + 1][pair] = a[i] >> 16 | (b[i] & 0xffff0000u);
    }
  }
  __syncthreads();
  storeTransposed(tile, y, row0, column0, outFeatures, inFeatures);
}
