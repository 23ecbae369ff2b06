/**
 * @file CUDA's driver API (libcuda, part of NVIDIA's driver) through koffi: the functions that the engine calls. Each
 * throws a {@link CudaError} unless the driver returns 0. Handles and device addresses are numbers below 2^53.
 */
import { CudaError } from './error.js';
import { importKoffi, type Koffi } from './koffi.js';

/** CUDA 11.0: the first driver that loads PTX 7.0 for sm_80. */
const LEAST_VERSION = 11000;

const P = 'void *'; // an out parameter, or host memory: a typed array
const U = 'uint64_t'; // a handle, or an address

/** Functions by name with the types of their arguments, as cuda.h declares them. */
const FUNCTIONS = {
  cuInit: ['uint'],
  cuDriverGetVersion: [P],
  cuDeviceGetCount: [P],
  cuDeviceGet: [P, 'int'],
  cuDeviceGetName: [P, 'int', 'int'],
  cuDeviceTotalMem_v2: [P, 'int'],
  cuDeviceGetAttribute: [P, 'int', 'int'],
  cuDevicePrimaryCtxRetain: [P, 'int'],
  cuDevicePrimaryCtxRelease_v2: ['int'],
  cuCtxSetCurrent: [U],
  cuMemGetInfo_v2: [P, P],
  cuMemAlloc_v2: [P, 'size_t'],
  cuMemFree_v2: [U],
  cuMemHostAlloc: [P, 'size_t', 'uint'],
  cuMemFreeHost: [U],
  cuMemcpyHtoDAsync_v2: [U, P, 'size_t', U],
  cuMemcpyDtoHAsync_v2: [P, U, 'size_t', U],
  cuMemcpyDtoDAsync_v2: [U, U, 'size_t', U],
  cuStreamCreate: [P, 'uint'],
  cuStreamSynchronize: [U],
  cuStreamDestroy_v2: [U],
  cuEventCreate: [P, 'uint'],
  cuEventRecord: [U, U],
  cuEventQuery: [U],
  cuEventElapsedTime: [P, U, U],
  cuEventDestroy_v2: [U],
  cuModuleLoadDataEx: [P, P, 'uint', P, P],
  cuModuleGetFunction: [P, U, 'str'],
  cuModuleUnload: [U],
  cuFuncSetAttribute: [U, 'int', 'int'],
  cuLaunchKernel: [U, 'uint', 'uint', 'uint', 'uint', 'uint', 'uint', 'uint', U, U, U],
} as const;

type FunctionName = keyof typeof FUNCTIONS;
type DriverArgument = number | bigint | string | ArrayBufferView | null;

/** The loaded driver. */
export interface Driver {
  koffi: Koffi;
  /** Name of the loaded library. */
  library: string;
  /** 1000 major + 10 minor: the newest CUDA version that it supports. */
  version: number;
  /** Calls a function. @throws CudaError unless the result is 0. */
  call(name: FunctionName, ...values: DriverArgument[]): void;
  /** Calls a function and returns the driver's result. */
  result(name: FunctionName, ...values: DriverArgument[]): number;
  /** A CudaError for a result of a function. */
  failure(name: string, code: number): CudaError;
}

/** The library's name on this system; ARENA_CUDA_LIBRARY names another file. */
function driverLibrary(): string {
  return process.env.ARENA_CUDA_LIBRARY || (process.platform === 'win32' ? 'nvcuda.dll' : 'libcuda.so.1');
}

/**
 * Loads and initialises the driver.
 * @throws CudaError when koffi or the driver is missing, the driver is older than CUDA 11, or shows no device.
 */
export async function openDriver(library = driverLibrary()): Promise<Driver> {
  const koffi = await importKoffi();
  const driver = bind(koffi, library);
  const version = new Int32Array(1);
  driver.call('cuDriverGetVersion', version);
  driver.version = version[0];
  if (driver.version < LEAST_VERSION) {
    throw new CudaError(
      `engine 'cuda': this NVIDIA driver supports CUDA ${cudaVersion(driver.version)}, ${cudaVersion(LEAST_VERSION)} is needed: install a newer driver (450 or later)`,
    );
  }
  const code = driver.result('cuInit', 0);
  if (code === NO_DEVICE) throw new CudaError(`engine 'cuda': ${noDevice()}`, code);
  if (code) throw driver.failure('cuInit', code);
  return driver;
}

const NO_DEVICE = 100;

function noDevice(): string {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  return visible === undefined
    ? 'the driver finds no NVIDIA GPU in this machine (in a container: start it with its GPUs, such as --gpus all)'
    : `CUDA_VISIBLE_DEVICES='${visible}' shows no GPU: name one by number or UUID (nvidia-smi -L lists them), or unset it`;
}

/** `12.4` of 12040. */
export function cudaVersion(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

function bind(koffi: Koffi, library: string): Driver {
  let handle: ReturnType<Koffi['load']>;
  try {
    handle = koffi.load(library);
  } catch (error) {
    throw new CudaError(
      `engine 'cuda': NVIDIA's driver library ${library} is not here: install the NVIDIA driver (${(error as Error).message.split('\n')[0]})`,
    );
  }
  const functions = new Map<string, (...values: DriverArgument[]) => number>();
  const find = (name: FunctionName) => {
    let found = functions.get(name);
    if (!found) {
      try {
        found = handle.func(name, 'int', [...FUNCTIONS[name]]) as (...values: DriverArgument[]) => number;
      } catch {
        throw new CudaError(
          `engine 'cuda': ${library} has no ${name}: the NVIDIA driver is too old, install a newer one`,
        );
      }
      functions.set(name, found);
    }
    return found;
  };
  let errorName: (code: number, text: [string | null]) => number;
  try {
    errorName = handle.func('cuGetErrorName', 'int', ['int', koffi.out(koffi.pointer('str'))]) as never;
  } catch {
    throw new CudaError(`engine 'cuda': ${library} has no cuGetErrorName: it is not NVIDIA's driver`);
  }
  const failure = (name: string, code: number) => {
    const text: [string | null] = [null];
    errorName(code, text);
    const advice = ADVICE[code] ? `: ${ADVICE[code]}` : '';
    return new CudaError(
      `engine 'cuda': ${name} failed with ${text[0] ?? 'an unknown error'} (${code})${advice}`,
      code,
    );
  };
  return {
    koffi,
    library,
    version: 0,
    failure,
    result: (name, ...values) => find(name)(...values),
    call(name, ...values) {
      const code = find(name)(...values);
      if (code) throw failure(name, code);
    },
  };
}

const ENDED = 'the context is lost with its tensors: restart the process and resume from the last checkpoint';

/** Advice for a result, where there is more to say than its name. */
const ADVICE: { [code: number]: string } = {
  3: 'the driver is shutting down',
  46: 'another process holds the GPU alone (nvidia-smi shows its compute mode and processes)',
  218: "the driver does not take the engine's kernels",
  222: "the driver is older than the engine's kernels: install a newer one",
  700: ENDED,
  702: ENDED,
  716: ENDED,
  719: ENDED,
  802: 'the fabric manager is not running',
  803: 'the driver library and the kernel module are of different versions: restart the machine',
  804: 'this GPU does not support forward compatibility: use the driver that belongs to it',
  999: 'see the kernel log (dmesg) for NVIDIA messages; a container may lack its devices',
};
