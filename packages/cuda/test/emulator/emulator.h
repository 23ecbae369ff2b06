// CUDA on a CPU, for tests: the blocks of a launch run one after another, the threads of a block as fibers that take turns
// at barriers, shuffles and matrix instructions. Shows wrong indices, arguments and results; not races in full, not speed.
#pragma once
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <functional>
#include <utility>
#include <vector>

#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__
#define __shared__ static
#define __align__(n) __attribute__((aligned(n)))

struct EmulatedDim {
  unsigned x, y, z;
};
extern EmulatedDim threadIdx, blockIdx, blockDim, gridDim;

struct __align__(16) float4 {
  float x, y, z, w;
};
struct __align__(8) float2 {
  float x, y;
};
struct __align__(8) uint2 {
  unsigned x, y;
};
struct __align__(16) uint4 {
  unsigned x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline void sincosf_(float x, float *s, float *c) { *s = sinf(x), *c = cosf(x); }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
static inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
template <class To, class From>
static inline To emulatedBits(From from) {
  static_assert(sizeof(To) == sizeof(From), "as many bits");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
static inline int __float_as_int(float x) { return emulatedBits<int>(x); }
static inline float __int_as_float(int x) { return emulatedBits<float>(x); }
static inline unsigned __float_as_uint(float x) { return emulatedBits<unsigned>(x); }
static inline float __uint_as_float(unsigned x) { return emulatedBits<float>(x); }

namespace emulator {
enum { MOST_THREADS = 1024, WARP = 32 };
// A slot of 64 bytes a thread, through which the threads of a warp pass values; another one every second time, since a
// thread may come to the next exchange before others have read this one.
extern char exchange[2][MOST_THREADS][64];
extern unsigned char turn[MOST_THREADS];
// The block's dynamic shared memory; NaN until it is written, and what follows it cannot be touched.
extern unsigned char *sharedBytes;
void blockBarrier();
void warpBarrier();
// A copy that a thread has queued, and to which of its groups it belongs; none of it is there before the thread waits for it.
struct Copy {
  uintptr_t to;
  const void *from;  // null: zeros
  unsigned group;
};
extern std::vector<Copy> copies[MOST_THREADS];
extern unsigned groups[MOST_THREADS];
// Has the launch fail.
void fail(const char *why);

// An entry: how to call it with the driver's array of pointers to its arguments, and the arguments' sizes.
struct Kernel {
  const char *name;
  unsigned threads;
  std::vector<size_t> sizes;
  std::function<void(void **)> call;
};
std::vector<Kernel> &kernels();

template <class... A, size_t... I>
void apply(void (*entry)(A...), void **arguments, std::index_sequence<I...>) {
  entry(*(A *)arguments[I]...);
}
struct Registration {
  template <class... A>
  Registration(const char *name, unsigned threads, void (*entry)(A...)) {
    kernels().push_back({name, threads, {sizeof(A)...},
                         [entry](void **p) { apply(entry, p, std::index_sequence_for<A...>{}); }});
  }
};


// The value of each lane of the warp, as the caller's own sees them; they hold until the thread's next exchange but one.
template <class T>
struct WarpValues {
  const char (*slots)[64];
  T of(unsigned lane) const {
    T value;
    memcpy(&value, slots[lane], sizeof value);
    return value;
  }
};
template <class T>
WarpValues<T> shareInWarp(const T &value) {
  static_assert(sizeof(T) <= 64, "a slot's size");
  auto &slots = exchange[turn[threadIdx.x] ^= 1];
  memcpy(slots[threadIdx.x], &value, sizeof value);
  warpBarrier();
  return {&slots[threadIdx.x / WARP * WARP]};
}
template <class T>
T fromLane(T value, unsigned lane) {
  return shareInWarp(value).of(lane % WARP);
}
}  // namespace emulator

// Stand-ins of what gemm-mma.cuh takes from PTX.
static inline unsigned bf16Bits(float x) {
  unsigned bits = emulatedBits<unsigned>(x);
  return x != x ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}
static inline unsigned bf16Pair(float low, float high) { return bf16Bits(low) | bf16Bits(high) << 16; }
static inline float bf16Value(unsigned word, int half) { return emulatedBits<float>(half ? word & 0xffff0000u : word << 16); }
// mma.m16n8k16: of A, a lane holds rows l/4 and l/4 + 8, columns 2 (l%4) + {0, 1, 8, 9}; of B as many rows of column l/4
static inline void mmaBf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  struct Fragments {
    unsigned a[4], b[2];
  } mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  auto warp = emulator::shareInWarp(mine);
  unsigned lane = threadIdx.x % emulator::WARP;
  for (int e = 0; e < 4; e++) {
    unsigned row = lane / 4 + e / 2 * 8, column = lane % 4 * 2 + e % 2;
    for (int k = 0; k < 16; k++) {
      Fragments left = warp.of(row % 8 * 4 + k % 8 / 2), right = warp.of(column * 4 + k % 8 / 2);
      d[e] += bf16Value(left.a[row / 8 + k / 8 * 2], k % 2) * bf16Value(right.b[k / 8], k % 2);
    }
  }
}

// Stand-ins of what matrix-load.cuh takes from PTX.
typedef uintptr_t SharedAddress;
static inline SharedAddress sharedAddress(const void *pointer) { return (SharedAddress)pointer; }
static inline void loadMatrices(unsigned (&r)[4], SharedAddress row) {
  if (row % 16) emulator::fail("ldmatrix: a row that is not aligned to 16 bytes");
  auto rows = emulator::shareInWarp(row);
  unsigned lane = threadIdx.x % emulator::WARP;
  for (int i = 0; i < 4; i++) r[i] = ((const unsigned *)rows.of(8 * i + lane / 4))[lane % 4];
}
static inline void loadTransposed(unsigned (&r)[4], SharedAddress row) {
  if (row % 16) emulator::fail("ldmatrix: a row that is not aligned to 16 bytes");
  auto rows = emulator::shareInWarp(row);
  unsigned lane = threadIdx.x % emulator::WARP;
  for (int i = 0; i < 4; i++) {
    auto value = [&](unsigned of) -> unsigned { return ((const uint16_t *)rows.of(8 * i + of))[lane / 4]; };
    r[i] = value(lane % 4 * 2) | value(lane % 4 * 2 + 1) << 16;
  }
}
static inline void copyAsync(SharedAddress to, const void *from, bool inside) {
  if (to % 16 || (uintptr_t)from % 16) emulator::fail("cp.async: an address that is not aligned to 16 bytes");
  emulator::copies[threadIdx.x].push_back({to, inside ? from : nullptr, emulator::groups[threadIdx.x]});
}
static inline void commitCopies() { emulator::groups[threadIdx.x]++; }
template <int BUT>
static inline void waitForCopies() {
  auto &queue = emulator::copies[threadIdx.x];
  size_t done = 0;
  for (; done < queue.size() && queue[done].group + BUT < emulator::groups[threadIdx.x]; done++) {
    const emulator::Copy &copy = queue[done];
    if (copy.from) memcpy((void *)copy.to, copy.from, 16);
    else memset((void *)copy.to, 0, 16);
  }
  queue.erase(queue.begin(), queue.begin() + done);
}
static inline float exp2Fast(float x) { return exp2f(x); }
static inline float reciprocalFast(float x) { return 1 / x; }

// Stand-ins of what wgmma.cuh takes from PTX. A descriptor is the tile's address in units of 16 bytes.
static inline uint64_t tileDescriptor(SharedAddress address) {
  if (address % 1024) emulator::fail("wgmma: a tile that is not aligned to 1024 bytes");
  return address >> 4;
}
static inline void publishShared() {}
static inline void beginProducts() {}
static inline void endProducts() {}
template <int MOST>
static inline void awaitProducts() {}
static inline float tileValue(uint64_t tile, unsigned row, unsigned column) {
  SharedAddress at = (tile << 4) + row * 128 + 2 * column;
  at ^= (at >> 7 & 7) << 4;
  return emulatedBits<float>((unsigned)*(const uint16_t *)at << 16);
}
static inline void wgmmaBf16(float (&d)[96], uint64_t a, uint64_t b) {
  const unsigned row = threadIdx.x / 32 % 4 * 16 + threadIdx.x % 32 / 4, column = threadIdx.x % 4 * 2;
  for (int e = 0; e < 96; e++) {
    for (int k = 0; k < 16; k++) d[e] += tileValue(a, row + e % 4 / 2 * 8, k) * tileValue(b, column + e / 4 * 8 + e % 2, k);
  }
}

static inline void __syncthreads() { emulator::blockBarrier(); }
static inline void __syncwarp(unsigned = 0xffffffffu) { emulator::warpBarrier(); }
template <class T>
static inline T __shfl_xor_sync(unsigned, T value, int offset) {
  return emulator::fromLane(value, threadIdx.x % emulator::WARP ^ offset);
}
template <class T>
static inline T __shfl_sync(unsigned, T value, int lane) {
  return emulator::fromLane(value, lane);
}

static inline int __any_sync(unsigned, int value) {
  auto values = emulator::shareInWarp(value);
  int any = 0;
  for (unsigned lane = 0; lane < emulator::WARP; lane++) any |= values.of(lane);
  return any;
}

#define SHARED_BYTES(name) unsigned char *const name = emulator::sharedBytes
#define KERNEL(name, threads, ...)                                          \
  static void name(__VA_ARGS__);                                            \
  static emulator::Registration registration_##name(#name, threads, &name); \
  static void name(__VA_ARGS__)
