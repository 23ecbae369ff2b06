// RmsNorm and its gradient: a block for each row.
#include "device.cuh"

enum { RMS_THREADS = 128, RMS_COLUMNS = 32, RMS_ROW_LANES = 8 };

// y = x r (1 + w) (+ residual), r = (mean(x^2) + eps)^(-1/2)
KERNEL(rmsNorm, RMS_THREADS, const float *x, const float *weight, const float *residual, float *y, u32 width, float eps) {
  const size_t row = (size_t)blockIdx.x * width;
  float squares = 0;
  for (u32 i = threadIdx.x; i < width; i += RMS_THREADS) squares += x[row + i] * x[row + i];
  const float r = 1.0f / sqrtf(blockSum<RMS_THREADS>(squares) / width + eps);
  for (u32 i = threadIdx.x; i < width; i += RMS_THREADS) {
    float value = x[row + i] * r * (1.0f + weight[i]);
    y[row + i] = residual ? value + residual[row + i] : value;
  }
}

// dx = r (g - xh mean(g xh)) (+ residual), with xh = x r and g = dy (1 + w); r is kept for the weight's gradient
KERNEL(rmsNormBackward, RMS_THREADS, const float *dy, const float *x, const float *weight, const float *residual, float *dx,
       float *inverseRms, u32 width, float eps) {
  const size_t row = (size_t)blockIdx.x * width;
  float squares = 0, product = 0;
  for (u32 i = threadIdx.x; i < width; i += RMS_THREADS) {
    squares += x[row + i] * x[row + i];
    product += dy[row + i] * (1.0f + weight[i]) * x[row + i];
  }
  const float r = 1.0f / sqrtf(blockSum<RMS_THREADS>(squares) / width + eps);
  const float mean = blockSum<RMS_THREADS>(product) * r / width;
  for (u32 i = threadIdx.x; i < width; i += RMS_THREADS) {
    float value = r * (dy[row + i] * (1.0f + weight[i]) - x[row + i] * r * mean);
    dx[row + i] = residual ? value + residual[row + i] : value;
  }
  if (threadIdx.x == 0) inverseRms[blockIdx.x] = r;
}

// dweight = the sum over tokens of dy x r, in a fixed order: a block takes 32 columns, 8 rows at a time
KERNEL(rmsNormWeightGradient, RMS_COLUMNS * RMS_ROW_LANES, const float *dy, const float *x, const float *inverseRms,
       float *dweight, u32 tokens, u32 width) {
  __shared__ float parts[RMS_ROW_LANES][RMS_COLUMNS];
  const u32 lane = threadIdx.x % RMS_COLUMNS, rowLane = threadIdx.x / RMS_COLUMNS;
  const u32 column = blockIdx.x * RMS_COLUMNS + lane;
  float sum = 0;
  if (column < width) {
    for (u32 row = rowLane; row < tokens; row += RMS_ROW_LANES) {
      size_t at = (size_t)row * width + column;
      sum += dy[at] * x[at] * inverseRms[row];
    }
  }
  parts[rowLane][lane] = sum;
  __syncthreads();
  if (rowLane || column >= width) return;
  for (int i = 1; i < RMS_ROW_LANES; i++) sum += parts[i][lane];
  dweight[column] = sum;
}
