// A stand-in for cuBLASLt: the functions that the engine calls, for products as it asks for them; anything else is refused.
// Columns lie one after another, as in the library. Device memory is the host's, as in driver.cpp.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, INVALID = 7, NOT_SUPPORTED = 15 };
enum { FLOAT = 0, BFLOAT16 = 14, COMPUTE_FLOAT = 68 };
struct Operation {
  int transposed[2];
};
struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t stride;
};
struct Preference {
  uint64_t workspace;
};
static int live;  // handles that were not destroyed

template <class T>
static int made(T **out, T value) {
  live++;
  return *out = new T(value), OK;
}
template <class T>
static int destroyed(T *handle) {
  live--;
  return delete handle, OK;
}
static float value(const void *matrix, const Layout &layout, uint64_t row, uint64_t column) {
  const uint64_t at = column * layout.stride + row;
  const uint32_t bits = (uint32_t)((const uint16_t *)matrix)[at] << 16;
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

extern "C" {
int emulatedBlasHandles() { return live; }
int cublasLtCreate(int **handle) { return made(handle, 0); }
int cublasLtDestroy(int *handle) { return destroyed(handle); }
int cublasLtMatmulDescCreate(Operation **operation, int compute, int scale) {
  return compute == COMPUTE_FLOAT && scale == FLOAT ? made(operation, Operation{}) : NOT_SUPPORTED;
}
int cublasLtMatmulDescDestroy(Operation *operation) { return destroyed(operation); }
int cublasLtMatmulDescSetAttribute(Operation *operation, int attribute, const int *what, size_t bytes) {
  if (attribute < 3 || attribute > 4 || bytes != 4) return INVALID;
  return operation->transposed[attribute - 3] = *what, OK;
}
int cublasLtMatrixLayoutCreate(Layout **layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  return made(layout, Layout{type, rows, columns, stride});
}
int cublasLtMatrixLayoutDestroy(Layout *layout) { return destroyed(layout); }
int cublasLtMatmulPreferenceCreate(Preference **preference) { return made(preference, Preference{}); }
int cublasLtMatmulPreferenceDestroy(Preference *preference) { return destroyed(preference); }
int cublasLtMatmulPreferenceSetAttribute(Preference *preference, int attribute, const uint64_t *what, size_t bytes) {
  if (attribute != 1 || bytes != 8) return INVALID;
  return preference->workspace = *what, OK;
}
static bool fits(const Operation *operation, const Layout *a, const Layout *b, const Layout *d) {
  return operation->transposed[0] == 1 && operation->transposed[1] == 0 && a->type == BFLOAT16 && b->type == BFLOAT16 &&
         d->type == FLOAT && a->rows == b->rows && a->columns == d->rows && b->columns == d->columns && a->rows % 8 == 0;
}
int cublasLtMatmulAlgoGetHeuristic(int *, Operation *operation, Layout *a, Layout *b, Layout *c, Layout *d, Preference *preference,
                                   int asked, unsigned char *results, int *count) {
  *count = 0;
  if (asked < 1 || c != d || !preference->workspace || !fits(operation, a, b, d)) return NOT_SUPPORTED;
  memset(results, 0x5a, 64);
  return *count = 1, OK;
}
int cublasLtMatmul(int *, Operation *operation, const float *alpha, const void *a, Layout *layoutA, const void *b, Layout *layoutB,
                   const float *beta, const float *c, Layout *layoutC, float *d, Layout *layoutD, const unsigned char *algorithm,
                   void *workspace, size_t workspaceBytes, void *stream) {
  if (!fits(operation, layoutA, layoutB, layoutD) || layoutC != layoutD || c != d || algorithm[63] != 0x5a) return INVALID;
  if (!workspace || !workspaceBytes || !stream) return INVALID;
  for (uint64_t column = 0; column < layoutD->columns; column++) {
    for (uint64_t row = 0; row < layoutD->rows; row++) {
      float sum = 0;
      for (uint64_t k = 0; k < layoutA->rows; k++) sum += value(a, *layoutA, k, row) * value(b, *layoutB, k, column);
      float &to = d[column * layoutD->stride + row];
      to = *alpha * sum + (*beta ? *beta * to : 0);
    }
  }
  return OK;
}
}
