// Rope: a pair of values to a thread. Angles reach thousands of radians, where the fast sine is of no use.
#include "device.cuh"

KERNEL(rotate, 256, const float *x, const int *positions, const float *frequencies, float *y, u32 pairs, u32 width, u32 headDim, float sign) {
  u32 i = globalIndex();
  if (i >= pairs) return;
  u32 half = headDim / 2, pair = i % half;
  size_t at = (size_t)(i / half) * headDim + pair;  // heads lie one after another, over all rows
  float angle = (float)positions[i / (width / 2)] * frequencies[pair];
  float s = sinf(angle) * sign, c = cosf(angle);
  float x1 = x[at], x2 = x[at + half];
  y[at] = x1 * c - x2 * s;
  y[at + half] = x2 * c + x1 * s;
}
