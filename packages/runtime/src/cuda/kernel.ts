/**
 * @file The declaration of a CUDA kernel: its name in a .cu file and its arguments in order. Tests of @arena/cuda
 * compare the kernels' text with these declarations.
 */
import { EngineError } from '../error.js';
import type { CudaText } from './ptx.js';

/** A number of a call; `i32x6`: up to six numbers, padded with 0 (C++: `Six`). */
export type CudaScalar = 'u32' | 'i32' | 'f32' | 'i32x6';

/** Input of {@link cudaKernel}. It must match the entry in the .cu file. */
export interface CudaKernelSource {
  /** Source of its PTX. */
  ptx: CudaText;
  /** Name of the entry in the .cu file. */
  name: string;
  /** Pointers that are read. */
  inputs: readonly string[];
  /** Optional pointers to read: null when absent. */
  optional?: readonly string[];
  /** Pointers that are written (and may be read). */
  outputs: readonly string[];
  params: { readonly [name: string]: CudaScalar };
  /** Threads of a block, as in the .cu file. */
  threads: number;
  /**
   * Bytes of `SHARED_BYTES` in the .cu file, besides the shared memory that the compiler sees. A block may have 48 KiB
   * in total without this declaration, and the launcher's `blockSharedBytes` with it. Default 0.
   */
  sharedBytes?: number;
  /** Requirement beyond sm_80: its source is a .sm90a.cu file. */
  target?: 'sm_90a';
}

/** A kernel that is ready to be launched. */
export interface CudaKernel {
  readonly ptx: CudaText;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly optional: readonly string[];
  readonly outputs: readonly string[];
  readonly params: readonly (readonly [string, CudaScalar])[];
  readonly threads: number;
  readonly sharedBytes: number;
  readonly target?: 'sm_90a';
}

const declared = new Map<string, CudaKernel>();

/**
 * Declares a kernel. In C++ its arguments are the inputs, the optional inputs, the outputs and the numbers, in this
 * order.
 * @throws EngineError when another package has declared a kernel of that name.
 */
export function cudaKernel(source: CudaKernelSource): CudaKernel {
  const { params, optional = [], sharedBytes = 0, ...rest } = source;
  const kernel = { ...rest, optional, sharedBytes, params: Object.entries(params) };
  const other = declared.get(kernel.name)?.ptx.package ?? kernel.ptx.package;
  if (other !== kernel.ptx.package) {
    throw new EngineError(
      'kernel',
      `the CUDA kernel '${kernel.name}' of ${kernel.ptx.package} has the name of one of ${other}: rename it`,
    );
  }
  declared.set(kernel.name, kernel);
  return kernel;
}

/** Every declared kernel of the imported modules. */
export function declaredCudaKernels(): CudaKernel[] {
  return [...declared.values()];
}
