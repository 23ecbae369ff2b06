// tfjs's plain ops, a value at a time. Truth values are stored as int32.
#include "device.cuh"

// Where the value with number `index` of a tensor of this shape lies by these strides.
__device__ inline u32 placeOf(u32 index, int rank, const Six &shape, const Six &strides) {
  u32 at = 0;
  for (int axis = rank - 1; axis >= 0; axis--) {
    u32 size = shape.v[axis];
    at += index % size * (u32)strides.v[axis];
    index /= size;
  }
  return at;
}

KERNEL(fill, 256, u32 *y, u32 count, u32 bits) {
  u32 i = globalIndex();
  if (i < count) y[i] = bits;
}

__device__ inline float unaryOf(float x, int op) {
  switch (op) {
    case 0: return -x;
    case 1: return fabsf(x);
    case 2: return x * x;
    case 3: return sqrtf(x);
    case 4: return 1.0f / sqrtf(x);
    case 5: return expf(x);
    case 6: return logf(x);
    case 7: return tanhf(x);
    case 8: return 1.0f / (1.0f + expf(-x));
    case 9: return sinf(x);
    case 10: return cosf(x);
    case 11: return floorf(x);
    case 12: return ceilf(x);
    case 13: return rintf(x);  // ties to even, as tfjs
    case 14: return (x > 0) - (x < 0);
    case 15: return 1.0f / x;
    case 16: return expm1f(x);
    case 17: return log1pf(x);
    case 18: return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));  // softplus
    case 19: return erff(x);
    default: return fmaxf(x, 0.0f);
  }
}

KERNEL(unaryFloat, 256, const float *x, float *y, u32 count, int op) {
  u32 i = globalIndex();
  if (i < count) y[i] = unaryOf(x[i], op);
}

KERNEL(unaryInt, 256, const int *x, int *y, u32 count, int op) {
  u32 i = globalIndex();
  if (i >= count) return;
  int value = x[i];
  y[i] = op == 0 ? -value : op == 1 ? (value < 0 ? -value : value) : op == 2 ? value * value : !value;
}

// op 0: int32 to float32; 1: float32 to int32, towards zero; 2 and 3: whether a float32, an int32 is not 0
KERNEL(castValues, 256, const u32 *x, u32 *y, u32 count, int op) {
  u32 i = globalIndex();
  if (i >= count) return;
  u32 bits = x[i];
  switch (op) {
    case 0: y[i] = __float_as_uint((float)(int)bits); break;
    case 1: y[i] = (u32)(int)__uint_as_float(bits); break;
    case 2: y[i] = __uint_as_float(bits) != 0.0f; break;
    default: y[i] = bits != 0;
  }
}

__device__ inline float floatBinaryOf(float a, float b, int op) {
  switch (op) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return a / b;
    case 4: return fmaxf(a, b);
    case 5: return fminf(a, b);
    case 6: return powf(a, b);
    case 7: return (a - b) * (a - b);
    case 8: return floorf(a / b);
    default: {
      float rest = fmodf(a, b);  // the sign of b, as tfjs
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
  }
}

KERNEL(binaryFloat, 256, const float *a, const float *b, float *y, u32 count, int op, int rank, Six shape, Six aStrides, Six bStrides) {
  u32 i = globalIndex();
  if (i < count) y[i] = floatBinaryOf(a[placeOf(i, rank, shape, aStrides)], b[placeOf(i, rank, shape, bStrides)], op);
}

__device__ inline int floorQuotient(int a, int b) {
  if (b == 0) return 0;
  int quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

__device__ inline int intBinaryOf(int a, int b, int op) {
  switch (op) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: case 8: return floorQuotient(a, b);
    case 4: return max(a, b);
    case 5: return min(a, b);
    case 6: return (int)powf((float)a, (float)b);
    case 7: return (a - b) * (a - b);
    default: return a - floorQuotient(a, b) * b;
  }
}

KERNEL(binaryInt, 256, const int *a, const int *b, int *y, u32 count, int op, int rank, Six shape, Six aStrides, Six bStrides) {
  u32 i = globalIndex();
  if (i < count) y[i] = intBinaryOf(a[placeOf(i, rank, shape, aStrides)], b[placeOf(i, rank, shape, bStrides)], op);
}

template <class T>
__device__ inline int comparisonOf(T a, T b, int op) {
  switch (op) {
    case 0: return a == b;
    case 1: return a != b;
    case 2: return a < b;
    case 3: return a <= b;
    case 4: return a > b;
    case 5: return a >= b;
    case 6: return a && b;
    default: return a || b;
  }
}

KERNEL(compareFloat, 256, const float *a, const float *b, int *y, u32 count, int op, int rank, Six shape, Six aStrides, Six bStrides) {
  u32 i = globalIndex();
  if (i < count) y[i] = comparisonOf(a[placeOf(i, rank, shape, aStrides)], b[placeOf(i, rank, shape, bStrides)], op);
}

KERNEL(compareInt, 256, const int *a, const int *b, int *y, u32 count, int op, int rank, Six shape, Six aStrides, Six bStrides) {
  u32 i = globalIndex();
  if (i < count) y[i] = comparisonOf(a[placeOf(i, rank, shape, aStrides)], b[placeOf(i, rank, shape, bStrides)], op);
}

KERNEL(selectValues, 256, const int *condition, const u32 *a, const u32 *b, u32 *y, u32 count) {
  u32 i = globalIndex();
  if (i < count) y[i] = condition[i] ? a[i] : b[i];
}

// Slices, transpositions, concatenations and repetitions are copies from strides to strides.
KERNEL(copyStrided, 256, const u32 *x, u32 *y, u32 count, int rank, Six shape, Six xStrides, Six yStrides, u32 xStart, u32 yStart) {
  u32 i = globalIndex();
  if (i < count) y[yStart + placeOf(i, rank, shape, yStrides)] = x[xStart + placeOf(i, rank, shape, xStrides)];
}
