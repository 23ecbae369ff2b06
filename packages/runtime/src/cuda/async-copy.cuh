// Copies from global to shared memory that the warps do not wait for (cp.async, sm_80), and addresses in shared memory.
#pragma once
#include "device.cuh"

#ifdef __CUDACC__
typedef u32 SharedAddress;
__device__ inline SharedAddress sharedAddress(const void *pointer) { return (u32)__cvta_generic_to_shared(pointer); }

// Queues the copy of 16 bytes, or of zeros: nothing is read then.
__device__ inline void copyAsync(SharedAddress to, const void *from, bool inside) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(inside ? 16 : 0) : "memory");
}
// Closes a group of copies; waits until all of the thread's groups but the last so many are done.
__device__ inline void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int BUT>
__device__ inline void waitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(BUT) : "memory");
}
#endif
