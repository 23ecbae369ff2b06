// GeGlu and its gradient, a value to a thread.
#include "device.cuh"

#define GEGLU_C 0.7978845608028654f  // sqrt(2 / pi)
#define GEGLU_A 0.044715f

__device__ inline float innerTanh(float x) { return tanhf(GEGLU_C * x * (1.0f + GEGLU_A * x * x)); }

KERNEL(geGlu, 256, const float *gate, const float *up, float *y, u32 count) {
  u32 i = globalIndex();
  if (i < count) y[i] = gate[i] * 0.5f * (1.0f + innerTanh(gate[i])) * up[i];
}

KERNEL(geGluBackward, 256, const float *dy, const float *gate, const float *up, float *dgate, float *dup, u32 count) {
  u32 i = globalIndex();
  if (i >= count) return;
  float x = gate[i], t = innerTanh(x), cdf = 0.5f * (1.0f + t);
  float slope = cdf + x * (1.0f - t * t) * (0.5f * GEGLU_C) * (1.0f + 3.0f * GEGLU_A * x * x);
  dgate[i] = dy[i] * up[i] * slope;
  dup[i] = dy[i] * x * cdf;
}
