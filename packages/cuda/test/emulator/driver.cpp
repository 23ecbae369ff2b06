// A stand-in for libcuda.so.1: the driver's entry points that the engine uses, over the emulation. Environment variables
// make it fail as real machines do: EMULATED_VERSION, EMULATED_DEVICES, EMULATED_MEMORY (bytes), EMULATED_SHARED
// (bytes of shared memory that a block may have), EMULATED_FAULT; EMULATED_IDLE=1 runs no kernel, for what the host takes
// ("load" or "launch:<kernel>"), EMULATED_ORDER ("reverse": the threads of a block run from the last to the first).
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <string>
#include <unordered_map>
#include "emulator.h"

EmulatedDim threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {
char exchange[2][MOST_THREADS][64];
unsigned char turn[MOST_THREADS];

std::vector<Kernel> &kernels() {
  static std::vector<Kernel> all;
  return all;
}

// ---- faults and queued copies ----
std::vector<Copy> copies[MOST_THREADS];
unsigned groups[MOST_THREADS];
static bool failed;
void fail(const char *why) {
  if (!failed) fprintf(stderr, "emulated kernel: %s\n", why);
  failed = true;
}

// ---- dynamic shared memory ----
enum { MOST_SHARED = 256 * 1024, SHARED_ALIGNMENT = 128 };
unsigned char *sharedBytes;
static unsigned blockShared;
// The last bytes before pages that nobody may touch.
static void placeShared(unsigned bytes) {
  static unsigned char *end;
  if (!end) {
    unsigned char *memory = (unsigned char *)mmap(0, 2 * MOST_SHARED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(end = memory + MOST_SHARED, MOST_SHARED, PROT_NONE);
  }
  blockShared = (bytes + SHARED_ALIGNMENT - 1) / SHARED_ALIGNMENT * SHARED_ALIGNMENT;
  sharedBytes = end - blockShared;
}

// ---- fibers ----
enum { STACK = 128 * 1024 };
static jmp_buf scheduler, contexts[MOST_THREADS];
static bool made[MOST_THREADS], finished[MOST_THREADS];
static char *stacks;
static ucontext_t starter, home;
static unsigned running, blockThreads, order[MOST_THREADS], place[MOST_THREADS];
static const std::function<void(void **)> *body;
static void **bodyArguments;
static unsigned blockGeneration, blockArrived, blockAlive;
static unsigned warpGeneration[MOST_THREADS / WARP], warpArrived[MOST_THREADS / WARP], warpAlive[MOST_THREADS / WARP];
static unsigned idleTurns;  // since a thread last passed a barrier or came to its end

static void arriveAtBlock() {
  if (blockArrived >= blockAlive && blockAlive) blockArrived = 0, blockGeneration++, idleTurns = 0;
}
static void arriveAtWarp(unsigned warp) {
  if (warpArrived[warp] >= warpAlive[warp] && warpAlive[warp]) warpArrived[warp] = 0, warpGeneration[warp]++, idleTurns = 0;
}
// The next thread whose turn it is.
static unsigned successor(unsigned thread) {
  unsigned at = place[thread];
  do at = at + 1 == blockThreads ? 0 : at + 1;
  while (finished[order[at]]);
  return order[at];
}
// The next of the thread's own warp.
static unsigned neighbour(unsigned thread) {
  unsigned next = thread;
  do next = successor(next);
  while (next / WARP != thread / WARP);
  return next;
}
// Goes to another thread, and comes back when it is this one's turn again.
static void yield(bool withinWarp = false) {
  unsigned self = running;
  if (!_setjmp(contexts[self])) {
    // back to the scheduler at the block's end, to start a fiber, or when no thread can go on
    if (blockAlive == 0 || ++idleTurns > 2 * blockThreads) _longjmp(scheduler, 1);
    running = withinWarp && !finished[self] ? neighbour(self) : successor(self);
    if (!made[running]) _longjmp(scheduler, 1);
    _longjmp(contexts[running], 1);
  }
  threadIdx.x = self;
}
void blockBarrier() {
  unsigned generation = blockGeneration;
  blockArrived++;
  arriveAtBlock();
  while (generation == blockGeneration) yield();
}
void warpBarrier() {
  unsigned warp = threadIdx.x / WARP, generation = warpGeneration[warp];
  warpArrived[warp]++;
  arriveAtWarp(warp);
  // a warp runs on to the block's barrier before others do: what it should have waited for is not there then
  while (generation == warpGeneration[warp]) yield(true);
}
// A fiber lives as long as the process and runs one thread after another: making contexts is slow.
static void fiber() {
  for (;;) {
    (*body)(bodyArguments);
    unsigned self = threadIdx.x, warp = self / WARP;
    finished[self] = true, idleTurns = 0;
    blockAlive--, warpAlive[warp]--;
    arriveAtBlock(), arriveAtWarp(warp);
    yield();
  }
}
static void resume() {
  threadIdx.x = running;
  if (made[running]) _longjmp(contexts[running], 1);
  made[running] = true;
  getcontext(&starter);
  starter.uc_stack = {stacks + (size_t)running * STACK, 0, STACK};
  starter.uc_link = &home;
  makecontext(&starter, fiber, 0);
  setcontext(&starter);
}
// Whether every thread came to its end.
static bool runBlock(unsigned threads) {
  if (!stacks) stacks = (char *)malloc((size_t)MOST_THREADS * STACK);
  blockArrived = 0, blockAlive = blockThreads = threads, idleTurns = 0;
  for (unsigned t = 0; t < threads; t++) finished[t] = false, copies[t].clear(), groups[t] = 0;
  for (unsigned w = 0; w < (threads + WARP - 1) / WARP; w++) {
    warpArrived[w] = 0, warpAlive[w] = min(threads - w * WARP, (unsigned)WARP);
  }
  running = order[0];
  _setjmp(scheduler);
  if (blockAlive && idleTurns <= 2 * threads) resume();
  if (!blockAlive) return true;
  for (unsigned t = 0; t < threads; t++) made[t] = made[t] && finished[t];  // a barrier that some threads never reach
  return false;
}
static bool launch(const Kernel &kernel, EmulatedDim grid, unsigned threads, unsigned shared, void **arguments) {
  static void **pointers;
  const char *wanted = getenv("EMULATED_ORDER");
  bool reverse = wanted && !strcmp(wanted, "reverse");
  for (unsigned t = 0; t < threads; t++) place[order[t] = reverse ? threads - 1 - t : t] = t;
  placeShared(shared);
  gridDim = grid, blockDim = {threads, 1, 1};
  threadIdx.y = threadIdx.z = 0;
  pointers = arguments, body = &kernel.call, bodyArguments = pointers;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        blockIdx = {x, y, z};
        memset(sharedBytes, 0xff, blockShared);
        if (!runBlock(threads)) return false;
        for (unsigned t = 0; t < threads; t++) {
          if (!copies[t].empty()) fail("cp.async: a block ends before its copies");
        }
        if (failed) return failed = false;
      }
  return true;
}
}  // namespace emulator

// ---- the driver ----
using emulator::Kernel;
typedef int Result;
enum { OK = 0, INVALID = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101, NO_BINARY = 209, INVALID_PTX = 218,
       PTX_VERSION = 222, NOT_FOUND = 500, LAUNCH_FAILED = 719 };
static std::vector<int> visible;
static bool initialized;
static std::unordered_map<uint64_t, size_t> allocations, pinned;
static size_t inUse;
static Result sticky = OK;
static std::unordered_map<const Kernel *, unsigned> mostShared;  // of kernels that were allowed more than 48 KiB
static long setting(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text && *text ? atol(text) : otherwise;
}
static bool fault(const char *what) {
  const char *text = getenv("EMULATED_FAULT");
  return text && !strcmp(text, what);
}
static size_t capacity() { return (size_t)setting("EMULATED_MEMORY", 1L << 30); }
// [parameter sizes] of an entry of the PTX text; none when it has no such entry
static bool ptxSizes(const std::string &image, const char *name, std::vector<size_t> &sizes) {
  std::string head = ".entry " + std::string(name) + "(";
  size_t at = image.find(head);
  if (at == std::string::npos) return false;
  size_t end = image.find(')', at);
  for (at = image.find(".param ", at); at < end; at = image.find(".param ", at + 1)) {
    if (!image.compare(at + 7, 6, ".align")) {
      size_t open = image.find('[', at);
      sizes.push_back(atol(image.c_str() + open + 1));
    } else {
      sizes.push_back(atol(image.c_str() + at + 9) / 8);
    }
  }
  return true;
}

extern "C" {
Result cuInit(unsigned) {
  initialized = true;
  visible.clear();
  int count = setting("EMULATED_DEVICES", 1);
  const char *list = getenv("CUDA_VISIBLE_DEVICES");
  if (!list) {
    for (int i = 0; i < count; i++) visible.push_back(i);
  } else {
    // as the driver does: numbers or UUIDs by comma, up to the first that names no device
    for (const char *p = list; *p;) {
      int ordinal = !strncmp(p, "GPU-0000000", 11) ? atoi(p + 11) : isdigit(*p) ? atoi(p) : -1;
      if (ordinal < 0 || ordinal >= count) break;
      visible.push_back(ordinal);
      while (*p && *p != ',') p++;
      if (*p) p++;
    }
  }
  return visible.empty() ? NO_DEVICE : OK;
}
Result cuDriverGetVersion(int *version) { return *version = setting("EMULATED_VERSION", 13000), OK; }
Result cuDeviceGetCount(int *count) { return *count = visible.size(), initialized ? OK : NOT_INITIALIZED; }
Result cuDeviceGet(int *device, int ordinal) {
  if (ordinal < 0 || ordinal >= (int)visible.size()) return INVALID_DEVICE;
  return *device = visible[ordinal], OK;
}
Result cuDeviceGetName(char *name, int length, int device) { return snprintf(name, length, "Emulated GPU %d", device), OK; }
Result cuDeviceGetUuid_v2(char *uuid, int device) { return memset(uuid, 0, 16), uuid[15] = device, OK; }
Result cuDeviceTotalMem_v2(size_t *bytes, int) { return *bytes = capacity(), OK; }
Result cuDeviceGetAttribute(int *value, int attribute, int) {
  *value = attribute == 75 ? setting("EMULATED_CAPABILITY", 80) / 10 : attribute == 76 ? setting("EMULATED_CAPABILITY", 80) % 10
           : attribute == 97 ? setting("EMULATED_SHARED", 99 * 1024)
                             : 4;
  return OK;
}
Result cuDevicePrimaryCtxRetain(void **context, int) { return *context = (void *)1, fault("busy") ? 46 : OK; }
Result cuDevicePrimaryCtxRelease_v2(int) {
  if (getenv("EMULATED_TRACE")) fprintf(stderr, "emulated context released\n");
  return OK;
}
Result cuCtxSetCurrent(void *) { return OK; }
Result cuMemGetInfo_v2(size_t *available, size_t *total) { return *available = capacity() - inUse, *total = capacity(), OK; }
Result cuMemAlloc_v2(uint64_t *pointer, size_t bytes) {
  if (!bytes) return INVALID;
  if (inUse + bytes > capacity()) return OUT_OF_MEMORY;
  void *memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
  memset(memory, 0xff, bytes);  // NaN: what a kernel reads before it is written shows
  *pointer = (uint64_t)memory;
  allocations[*pointer] = bytes;
  inUse += bytes;
  return OK;
}
Result cuMemFree_v2(uint64_t pointer) {
  auto found = allocations.find(pointer);
  if (found == allocations.end()) return INVALID;
  inUse -= found->second;
  allocations.erase(found);
  return free((void *)pointer), OK;
}
Result cuMemHostAlloc(uint64_t *pointer, size_t bytes, unsigned) { return *pointer = (uint64_t)malloc(bytes), pinned[*pointer] = bytes, OK; }
Result cuMemFreeHost(uint64_t pointer) {
  if (!pinned.erase(pointer)) return INVALID;
  return free((void *)pointer), OK;
}
// whether [pointer, pointer + bytes) lies in one allocation
static bool inside(uint64_t pointer, size_t bytes) {
  for (auto &[start, size] : allocations)
    if (pointer >= start && pointer + bytes <= start + size) return true;
  return false;
}
Result cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *) {
  if (sticky) return sticky;
  if (!inside(to, bytes)) return INVALID;
  return memcpy((void *)to, from, bytes), OK;
}
Result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *) {
  if (sticky) return sticky;
  if (!inside(from, bytes)) return INVALID;
  return memcpy(to, (void *)from, bytes), OK;
}
Result cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *) {
  if (sticky) return sticky;
  if (!inside(to, bytes) || !inside(from, bytes)) return INVALID;
  return memcpy((void *)to, (void *)from, bytes), OK;
}
Result cuStreamCreate(void **stream, unsigned) { return *stream = (void *)3, OK; }
Result cuStreamDestroy_v2(void *) { return OK; }
Result cuStreamSynchronize(void *) { return sticky; }
Result cuEventCreate(void **event, unsigned) { return *event = malloc(1), OK; }
Result cuEventDestroy_v2(void *event) { return free(event), OK; }
Result cuEventRecord(void *, void *) { return sticky; }
// ready only when asked a second time, as an event of real work is
Result cuEventQuery(void *) {
  static bool asked;
  if (sticky) return sticky;
  return asked = !asked, asked ? 600 : OK;
}
Result cuEventElapsedTime(float *milliseconds, void *, void *) { return *milliseconds = 1, OK; }
Result cuEventSynchronize(void *) { return sticky; }
// the first option is the error log (CU_JIT_ERROR_LOG_BUFFER), whose address is its value
Result cuModuleLoadDataEx(std::string **module, const char *text, unsigned, const int *options, void **values) {
  if (fault("load")) return options[0] == 5 ? (strcpy((char *)values[0], "ptxas error\n"), PTX_VERSION) : INVALID;
  if (!strstr(text, ".version ") || !strstr(text, ".target sm_")) return INVALID_PTX;
  if (strstr(text, ".target sm_90a") && setting("EMULATED_CAPABILITY", 80) != 90) return NO_BINARY;
  return *module = new std::string(text), OK;
}
Result cuModuleUnload(std::string *module) { return delete module, OK; }
// An entry whose arguments in the PTX text and in the source differ in number or size is not found.
Result cuModuleGetFunction(const Kernel **function, std::string *module, const char *name) {
  for (const Kernel &kernel : emulator::kernels()) {
    std::vector<size_t> sizes;
    if (strcmp(kernel.name, name)) continue;
    if (!ptxSizes(*module, name, sizes) || sizes != kernel.sizes) return NOT_FOUND;
    return *function = &kernel, OK;
  }
  return NOT_FOUND;
}
Result cuFuncSetAttribute(const Kernel *kernel, int attribute, int value) {
  if (attribute != 8 || value < 0 || value > setting("EMULATED_SHARED", 99 * 1024)) return INVALID;
  return mostShared[kernel] = value, OK;
}
Result cuLaunchKernel(const Kernel *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                      void *, void **arguments, void **) {
  if (sticky) return sticky;
  if (!gx || !gy || !gz || gx > 0x7fffffffu || gy > 65535 || gz > 65535 || by != 1 || bz != 1) return INVALID;
  if (bx != kernel->threads || bx > emulator::MOST_THREADS) return INVALID;
  if (shared > (mostShared.count(kernel) ? mostShared[kernel] : 48 * 1024)) return INVALID;
  if (fault((std::string("launch:") + kernel->name).c_str())) return sticky = LAUNCH_FAILED;
  if (setting("EMULATED_IDLE", 0)) return OK;
  if (!emulator::launch(*kernel, {gx, gy, gz}, bx, shared, arguments)) sticky = LAUNCH_FAILED;
  return OK;
}
Result cuGetErrorName(Result result, const char **name) {
  switch (result) {
    case 1: *name = "CUDA_ERROR_INVALID_VALUE"; break;
    case 2: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
    case 46: *name = "CUDA_ERROR_DEVICE_UNAVAILABLE"; break;
    case 100: *name = "CUDA_ERROR_NO_DEVICE"; break;
    case 101: *name = "CUDA_ERROR_INVALID_DEVICE"; break;
    case 218: *name = "CUDA_ERROR_INVALID_PTX"; break;
    case 222: *name = "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"; break;
    case 500: *name = "CUDA_ERROR_NOT_FOUND"; break;
    case 719: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
    default: *name = "CUDA_ERROR_UNKNOWN";
  }
  return OK;
}
}
