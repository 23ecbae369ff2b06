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

enum { NORM_THREADS = 256, NORM_VALUES = 16384 };

// y = the sum of 16,384 values of x, or of their squares, for each block
KERNEL(squaredNorm, NORM_THREADS, const float *x, float *y, u32 count, int square) {
  u32 end = min(count, (blockIdx.x + 1) * NORM_VALUES);
  float part = 0;
  for (u32 i = blockIdx.x * NORM_VALUES + threadIdx.x; i < end; i += NORM_THREADS) part += square ? x[i] * x[i] : x[i];
  float total = blockSum<NORM_THREADS>(part);
  if (threadIdx.x == 0) y[blockIdx.x] = total;
}
