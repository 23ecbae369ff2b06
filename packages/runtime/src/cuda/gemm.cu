// Products of float32 matrices; of batches of them along z, a batch of one standing for all.
#include "gemm-mma.cuh"

#define MULTIPLY(name, form, maskedA, maskedB, run)                                                                      \
  KERNEL(name, GEMM_THREADS, const float *a, const float *b, PRODUCT_POINTERS, PRODUCT_NUMBERS, u32 batchA, u32 batchB) { \
    Product product = PRODUCT;                                                                                         \
    product.c += (size_t)blockIdx.z * m * n;                                                                           \
    FloatMatrix<maskedA> first = {a + (size_t)(blockIdx.z % batchA) * m * k, form == TN ? k : m, form == TN ? m : k, MASK};  \
    FloatMatrix<maskedB> second = {b + (size_t)(blockIdx.z % batchB) * n * k, form == NT ? n : k, form == NT ? k : n, MASK}; \
    run(first, second, product);                                                                         \
  }

MULTIPLY(multiplyNt64, NT, false, false, (multiply<NT, 1>))
MULTIPLY(multiplyNt128, NT, false, false, (multiply<NT, 2>))
MULTIPLY(multiplyNtMma, NT, false, false, multiplyMma<NT>)
MULTIPLY(multiplyNn64, NN, false, false, (multiply<NN, 1>))
MULTIPLY(multiplyNn128, NN, false, false, (multiply<NN, 2>))
MULTIPLY(multiplyNnMma, NN, false, false, multiplyMma<NN>)
MULTIPLY(multiplyTn64, TN, false, false, (multiply<TN, 1>))
MULTIPLY(multiplyTn128, TN, false, false, (multiply<TN, 2>))
MULTIPLY(multiplyTnMma, TN, false, false, multiplyMma<TN>)
// (mask o A) B^T and A^T (mask o B), whose other matrix has few rows or columns
MULTIPLY(multiplyMaskedNt64, NT, true, false, (multiply<NT, 1>))
MULTIPLY(multiplyMaskedTn64, TN, false, true, (multiply<TN, 1>))
