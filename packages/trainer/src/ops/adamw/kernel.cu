// AdamW and SquaredNorm.
#include "device.cuh"

KERNEL(adamW, 256, const float *param, const float *gradient, const float *expAvg, const float *expAvgSq, float *newParam,
       float *newExpAvg, float *newExpAvgSq, u32 count, float gradientScale, float decay, float rate1, float beta2, float rate2,
       float correction2, float eps, float stepSize) {
  u32 i = globalIndex();
  if (i >= count) return;
  float g = gradient[i] * gradientScale;
  float m = expAvg[i] + (g - expAvg[i]) * rate1;
  float v = expAvgSq[i] * beta2 + g * g * rate2;
  newParam[i] = param[i] * decay - m / (sqrtf(v) / correction2 + eps) * stepSize;
  newExpAvg[i] = m;
  newExpAvgSq[i] = v;
}

enum { NORM_THREADS = 1024, NORM_VALUES = 65536 };

// y = the sum of 65,536 values of x, or of their squares, for each block
KERNEL(squaredNorm, NORM_THREADS, const float *x, float *y, u32 count, int square) {
  const u32 first = blockIdx.x * NORM_VALUES, end = min(count, first + NORM_VALUES), whole = first + (end - first) / 4 * 4;
  float part = 0;
#pragma unroll 4
  for (u32 i = first + 4 * threadIdx.x; i < whole; i += 4 * NORM_THREADS) {
    const float4 v = *(const float4 *)(x + i);
    part += square ? v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w : v.x + v.y + v.z + v.w;
  }
  if (whole + threadIdx.x < end) part += square ? x[whole + threadIdx.x] * x[whole + threadIdx.x] : x[whole + threadIdx.x];
  float total = blockSum<NORM_THREADS>(part);
  if (threadIdx.x == 0) y[blockIdx.x] = total;
}
