// Products of float32 matrices; of batches of them along z, a batch of one standing for all.
#include "gemm-mma.cuh"

#define MULTIPLY(name, form, run)                                                                      \
  KERNEL(name, GEMM_THREADS, const float *a, const float *b, PRODUCT_POINTERS, PRODUCT_NUMBERS, u32 batchA, u32 batchB) { \
    Product product = PRODUCT;                                                                                         \
    product.c += (size_t)blockIdx.z * m * n;                                                                           \
    FloatMatrix first = {a + (size_t)(blockIdx.z % batchA) * m * k, form == TN ? k : m, form == TN ? m : k};  \
    FloatMatrix second = {b + (size_t)(blockIdx.z % batchB) * n * k, form == NT ? n : k, form == NT ? k : n}; \
    run(first, second, product);                                                                         \
  }

MULTIPLY(multiplyNt64, NT, (multiply<NT, 1>))
MULTIPLY(multiplyNt128, NT, (multiply<NT, 2>))
MULTIPLY(multiplyNtMma, NT, multiplyMma<NT>)
MULTIPLY(multiplyNn64, NN, (multiply<NN, 1>))
MULTIPLY(multiplyNn128, NN, (multiply<NN, 2>))
MULTIPLY(multiplyNnMma, NN, multiplyMma<NN>)
MULTIPLY(multiplyTn64, TN, (multiply<TN, 1>))
MULTIPLY(multiplyTn128, TN, (multiply<TN, 2>))
MULTIPLY(multiplyTnMma, TN, multiplyMma<TN>)
