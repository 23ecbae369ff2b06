// Hopper's tensor cores: wgmma multiplies two tiles of shared memory while its warps go on, four warps (a warpgroup) together.
//
// A tile is of rows of 64 bfloat16 (128 bytes) along the inner dimension, at a multiple of 1024 bytes. The 16-byte chunks of
// a row are exchanged by its number modulo 8 ("128-byte swizzle", PTX ISA, Asynchronous Warpgroup Level Matrix Shared Memory
// Layout), so that eight rows of a column lie in 32 different banks.
#pragma once
#include "async-copy.cuh"

typedef unsigned long long u64;

enum { WGMMA_COLUMNS = 192, WGMMA_DEPTH = 64, WGMMA_ROW_BYTES = 128, WGMMA_SUMS = 96 };

// Where a chunk of a row lies in its tile.
__device__ inline u32 swizzled(u32 row, u32 chunk) { return row * WGMMA_ROW_BYTES + ((chunk ^ row % 8) << 4); }

#ifdef __CUDACC__
// How wgmma finds a tile: its address, 1024 bytes from eight rows to the next, 128-byte swizzle.
__device__ inline u64 tileDescriptor(SharedAddress address) {
  return (u64)(address >> 4 & 0x3fff) | 1ull << 16 | (u64)(1024 >> 4) << 32 | 1ull << 62;
}

// What the thread has written to shared memory is there for the tensor cores after the next barrier.
__device__ inline void publishShared() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

__device__ inline void beginProducts() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void endProducts() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int MOST>
__device__ inline void awaitProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(MOST) : "memory");
}

#define SUMS4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define SUMS16(d, i) SUMS4(d, i), SUMS4(d, i + 4), SUMS4(d, i + 8), SUMS4(d, i + 12)

// d += A B^T for A [64, 16] and B [192, 16]. d[4 j + e] of thread t: row t / 32 % 4 * 16 + t % 32 / 4 + e / 2 * 8,
// column 8 j + t % 4 * 2 + e % 2.
__device__ inline void wgmmaBf16(float (&d)[WGMMA_SUMS], u64 a, u64 b) {
  asm volatile(
      "{\n"
      ".reg .pred add;\n"
      "setp.eq.u32 add, 0, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n192k16.f32.bf16.bf16 "
      "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
      "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
      "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95}, "
      "%96, %97, add, 1, 1, 0, 0;\n"
      " }"  // not at the beginning of a line: there it ends a kernel in the PTX
      : SUMS16(d, 0), SUMS16(d, 16), SUMS16(d, 32), SUMS16(d, 48), SUMS16(d, 64), SUMS16(d, 80)
      : "l"(a), "l"(b));
}
#endif
