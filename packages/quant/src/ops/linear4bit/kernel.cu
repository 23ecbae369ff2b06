// Linear4bit: W is decoded while a tile is filled, in both orientations from the packed codes.
#include "gemm-mma.cuh"
#include "weight.cuh"

#define MULTIPLY_4BIT(name, run)                                                                                       \
  KERNEL(name, GEMM_THREADS, const float *a, const u8 *codes, const void *absmax, const float *tables,                 \
         const float *nestedAbsmax, PRODUCT_POINTERS, PRODUCT_NUMBERS, u32 inFeatures, u32 outFeatures, u32 blockSize, \
         float nestedOffset) {                                                                                         \
    Product product = PRODUCT;                                                                                         \
    FloatMatrix first = {a, m, k};                                                                          \
    Weight4bit weight = {codes,       absmax,    tables,       nestedAbsmax, inFeatures,                               \
                         outFeatures, blockSize, nestedOffset, nullptr};                                               \
    run(first, withCodebook(weight), product);                                                                         \
  }

MULTIPLY_4BIT(multiply4bitNt64, (multiply<NT, 1>))
MULTIPLY_4BIT(multiply4bitNt128, (multiply<NT, 2>))
MULTIPLY_4BIT(multiply4bitNtMma, multiplyMma<NT>)
MULTIPLY_4BIT(multiply4bitNn64, (multiply<NN, 1>))
MULTIPLY_4BIT(multiply4bitNn128, (multiply<NN, 2>))
MULTIPLY_4BIT(multiply4bitNnMma, multiplyMma<NN>)
