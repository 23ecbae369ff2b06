/**
 * @file A CUDA kernel as TypeScript sees it: its name in a .cu file and its arguments in order. Tests of @arena/cuda hold
 * the kernels' text against these declarations.
 */
import { EngineError } from '../error.js';
import type { CudaText } from './ptx.js';

/** A number of a call; `i32x6` is up to six, the missing ones being 0 (C++: `Six`). */
export type CudaScalar = 'u32' | 'i32' | 'f32' | 'i32x6';

/** What {@link cudaKernel} declares: it must agree with the entry in the .cu file. */
export interface CudaKernelSource {
  /** Where its text is found. */
  ptx: CudaText;
  /** Name of the entry in the .cu file. */
  name: string;
  /** Pointers that are read. */
  inputs: readonly string[];
  /** More of them that may be left out: the kernel sees null. */
  optional?: readonly string[];
  /** Pointers that are written (and may be read). */
  outputs: readonly string[];
  params: { readonly [name: string]: CudaScalar };
  /** Threads of a block, as in the .cu file. */
  threads: number;
  /** Bytes of what `SHARED_BYTES` names in the .cu file, beside the shared memory that the compiler sees; a block may have
   * 48 KiB of both together anywhere, and as much as the launcher's `blockSharedBytes` by this declaration. Default 0. */
  sharedBytes?: number;
  /** What it needs beyond sm_80: its source is then a .sm90a.cu file. */
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
 * Declares a kernel. In C++ its arguments are the inputs, the optional inputs, the outputs and the numbers, in this order.
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

/** Every kernel that the imported modules have declared. */
export function declaredCudaKernels(): CudaKernel[] {
  return [...declared.values()];
}
