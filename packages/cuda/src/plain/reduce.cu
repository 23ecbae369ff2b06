// Sums and the like over the last axes: a block for each result.
#include "device.cuh"

enum { REDUCE_THREADS = 128 };

// op 0: sum times scale; 1: max; 2: min; 3: product
__device__ inline float combine(float a, float b, int op) {
  return op == 0 ? a + b : op == 1 ? fmaxf(a, b) : op == 2 ? fminf(a, b) : a * b;
}

KERNEL(reduceFloat, REDUCE_THREADS, const float *x, float *y, u32 inner, int op, float scale) {
  __shared__ float parts[REDUCE_THREADS];
  const float *row = x + (size_t)blockIdx.x * inner;
  float value = op == 0 ? 0.0f : op == 1 ? -INFINITY : op == 2 ? INFINITY : 1.0f;
  for (u32 i = threadIdx.x; i < inner; i += REDUCE_THREADS) value = combine(value, row[i], op);
  parts[threadIdx.x] = value;
  for (int half = REDUCE_THREADS / 2; half; half >>= 1) {
    __syncthreads();
    if (threadIdx.x < half) parts[threadIdx.x] = combine(parts[threadIdx.x], parts[threadIdx.x + half], op);
  }
  if (threadIdx.x == 0) y[blockIdx.x] = parts[0] * scale;
}

// op 0: sum; 1: max; 2: min; 3: product; 4: all; 5: any
__device__ inline int combineInts(int a, int b, int op) {
  return op == 0 ? a + b : op == 1 ? max(a, b) : op == 2 ? min(a, b) : op == 3 ? a * b : op == 4 ? a && b : a || b;
}

KERNEL(reduceInt, REDUCE_THREADS, const int *x, int *y, u32 inner, int op) {
  __shared__ int parts[REDUCE_THREADS];
  const int *row = x + (size_t)blockIdx.x * inner;
  int value = op == 1 ? -2147483647 - 1 : op == 2 ? 2147483647 : op == 3 || op == 4 ? 1 : 0;
  for (u32 i = threadIdx.x; i < inner; i += REDUCE_THREADS) value = combineInts(value, row[i], op);
  parts[threadIdx.x] = value;
  for (int half = REDUCE_THREADS / 2; half; half >>= 1) {
    __syncthreads();
    if (threadIdx.x < half) parts[threadIdx.x] = combineInts(parts[threadIdx.x], parts[threadIdx.x + half], op);
  }
  if (threadIdx.x == 0) y[blockIdx.x] = parts[0];
}

// Where the largest (sign 1) or smallest (sign -1) value of each row is, the first of them.
KERNEL(argReduce, 256, const float *x, int *y, u32 rows, u32 inner, float sign) {
  u32 r = globalIndex();
  if (r >= rows) return;
  const float *row = x + (size_t)r * inner;
  u32 best = 0;
  for (u32 i = 1; i < inner; i++) {
    if (sign * row[i] > sign * row[best]) best = i;
  }
  y[r] = best;
}

KERNEL(softmaxRows, REDUCE_THREADS, const float *x, float *y, u32 inner) {
  const float *row = x + (size_t)blockIdx.x * inner;
  float *out = y + (size_t)blockIdx.x * inner;
  float most = -INFINITY;
  for (u32 i = threadIdx.x; i < inner; i += REDUCE_THREADS) most = fmaxf(most, row[i]);
  most = blockMax<REDUCE_THREADS>(most);
  float total = 0;
  for (u32 i = threadIdx.x; i < inner; i += REDUCE_THREADS) total += expf(row[i] - most);
  total = blockSum<REDUCE_THREADS>(total);
  for (u32 i = threadIdx.x; i < inner; i += REDUCE_THREADS) out[i] = expf(row[i] - most) / total;
}
