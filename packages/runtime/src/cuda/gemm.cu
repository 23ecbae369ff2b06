// Products of float32 matrices; of batches of them along z, a batch of one standing for all.
#include "gemm.cuh"

#define MULTIPLY(name, form, h, maskedA, maskedB)                                                                      \
  KERNEL(name, GEMM_THREADS, const float *a, const float *b, PRODUCT_POINTERS, PRODUCT_NUMBERS, u32 batchA, u32 batchB) { \
    Product product = PRODUCT;                                                                                         \
    product.c += (size_t)blockIdx.z * m * n;                                                                           \
    FloatMatrix<maskedA> first = {a + (size_t)(blockIdx.z % batchA) * m * k, form == TN ? k : m, form == TN ? m : k, MASK};  \
    FloatMatrix<maskedB> second = {b + (size_t)(blockIdx.z % batchB) * n * k, form == NT ? n : k, form == NT ? k : n, MASK}; \
    multiply<form, h>(first, second, product);                                                                         \
  }

MULTIPLY(multiplyNt64, NT, 1, false, false)
MULTIPLY(multiplyNt128, NT, 2, false, false)
MULTIPLY(multiplyNn64, NN, 1, false, false)
MULTIPLY(multiplyNn128, NN, 2, false, false)
MULTIPLY(multiplyTn64, TN, 1, false, false)
MULTIPLY(multiplyTn128, TN, 2, false, false)
// (mask o A) B^T and A^T (mask o B), whose other matrix has few rows or columns
MULTIPLY(multiplyMaskedNt64, NT, 1, true, false)
MULTIPLY(multiplyMaskedTn64, TN, 1, false, true)
