// What all kernels share. One source, two builds: nvcc makes PTX, and g++ with the tests' emulation makes a library for CPUs.
#pragma once
#ifndef __CUDACC__
#include "emulator.h"
#else
// KERNEL(name, threads, arguments...) { body }: an entry whose blocks have so many threads
#define KERNEL(name, threads, ...) extern "C" __global__ void __launch_bounds__(threads) name(__VA_ARGS__)
// SHARED_BYTES(name): the block's dynamic shared memory, of as many bytes as the kernel's declaration says (`sharedBytes`)
#define SHARED_BYTES(name) extern __shared__ __align__(128) unsigned char name[]
#endif

typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

// Up to six numbers, one an axis.
struct Six {
  int v[6];
};

// The value's number among all threads of a launch along x; every engine tensor has fewer than 2^32 values.
__device__ inline u32 globalIndex() { return blockIdx.x * blockDim.x + threadIdx.x; }

__device__ inline float warpSum(float value) {
  for (int offset = 16; offset; offset >>= 1) value += __shfl_xor_sync(0xffffffffu, value, offset);
  return value;
}

__device__ inline float warpMax(float value) {
  for (int offset = 16; offset; offset >>= 1) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, offset));
  return value;
}

// The sum over the block, in every thread and in a fixed order. THREADS is a multiple of 32.
template <int THREADS>
__device__ inline float blockSum(float value) {
  __shared__ float parts[THREADS / 32];
  value = warpSum(value);
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  float total = parts[0];
  for (int i = 1; i < THREADS / 32; i++) total += parts[i];
  return total;
}

// The largest value of the block, in every thread.
template <int THREADS>
__device__ inline float blockMax(float value) {
  __shared__ float parts[THREADS / 32];
  value = warpMax(value);
  __syncthreads();
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
  __syncthreads();
  float most = parts[0];
  for (int i = 1; i < THREADS / 32; i++) most = fmaxf(most, parts[i]);
  return most;
}
