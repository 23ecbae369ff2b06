// A 4-bit matrix as the kernels read it.
#pragma once
#include "device.cuh"

// A 4-bit matrix [outFeatures, inFeatures] with zeros around it. `tables`: the 16 values of the codes, then the map of
// nested absmax codes.
struct Weight4bit {
  const u8 *codes;
  const void *absmax;
  const float *tables, *nestedAbsmax;
  u32 inFeatures, outFeatures, blockSize;
  float nestedOffset;
  const float *codebook;  // in shared memory

  __device__ float absmaxOf(u32 block) const {
    if (!nestedAbsmax) return ((const float *)absmax)[block];
    return tables[16 + ((const u8 *)absmax)[block]] * nestedAbsmax[block >> 8] + nestedOffset;
  }
  // the first of a byte's two codes is the high one
  __device__ float value(u32 at) const {
    return absmaxOf(at / blockSize) * codebook[codes[at >> 1] >> (at & 1 ? 0 : 4) & 15];
  }
  __device__ float4 read(u32 row, u32 column) const {
    if (row >= outFeatures || column >= inFeatures) return make_float4(0, 0, 0, 0);
    u32 at = row * inFeatures + column;
    if (inFeatures % 4 == 0 && blockSize % 4 == 0) {  // four neighbours are two bytes, in one block
      u32 pair = *(const u16 *)(codes + (at >> 1));
      float scale = absmaxOf(at / blockSize);
      return make_float4(scale * codebook[pair >> 4 & 15], scale * codebook[pair & 15], scale * codebook[pair >> 12],
                         scale * codebook[pair >> 8 & 15]);
    }
    float4 v = make_float4(value(at), 0, 0, 0);
    if (column + 1 < inFeatures) v.y = value(at + 1);
    if (column + 2 < inFeatures) v.z = value(at + 2);
    if (column + 3 < inFeatures) v.w = value(at + 3);
    return v;
  }
};

// What the entries share: the codebook in shared memory.
__device__ inline Weight4bit withCodebook(Weight4bit weight) {
  __shared__ float codebook[16];
  if (threadIdx.x < 16) codebook[threadIdx.x] = weight.tables[threadIdx.x];
  __syncthreads();
  weight.codebook = codebook;
  return weight;
}
