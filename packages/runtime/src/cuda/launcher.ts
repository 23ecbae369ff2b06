/**
 * @file The interface between kernels and engine `cuda`. The engine is package @arena/cuda; this package must not
 * depend on it.
 */

import type { DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';
import { setAbilities } from '../abilities.js';
import type { OpTime } from '../op-time.js';
import type { CudaKernel } from './kernel.js';

/** One launch. */
export interface CudaLaunch {
  /** By the kernel's input names. An array is a constant table: it goes to the device once. */
  inputs: { [name: string]: TensorInfo | Float32Array | undefined };
  /** By the kernel's output names: the shape of a new float32 tensor, shape and type, or a tensor to write in place. */
  outputs: { [name: string]: number[] | { shape: number[]; dtype: DataType } | TensorInfo };
  /** By the kernel's parameter names. Integers are taken modulo 2^32. */
  params: { [name: string]: number | readonly number[] };
  /** Blocks along x, y, z. Up to 2^31 - 1 along x, 65,535 along y and z. */
  grid: readonly number[];
}

/** The part of NVIDIA's library of matrix products that {@link CudaLauncher} uses. */
export interface CudaBlas {
  /**
   * C = scale A B^T, or adds that to `c` in place. a: [M, K], b: [N, K] in bfloat16, two values per word; result: [M,
   * N] in float32.
   * @throws CudaError with the library's status.
   */
  multiply(product: {
    a: TensorInfo;
    b: TensorInfo;
    c?: TensorInfo;
    m: number;
    n: number;
    k: number;
    scale: number;
  }): TensorInfo;
}

/** Launches kernels on one device, in order. */
export interface CudaLauncher {
  /** Whether large products and attention round their factors to bfloat16 and run on tensor cores. */
  readonly bf16: boolean;
  /** Whether device and driver support Hopper's instructions (sm_90a). */
  readonly wgmma: boolean;
  /** cuBLASLt, if found and enabled. */
  readonly cublasLt?: CudaBlas;
  /** Multiprocessors of the device. */
  readonly multiprocessors: number;
  /** Most bytes of shared memory per block: 99 KiB on sm_86, 89 and 120, 163 KiB on sm_80, 227 KiB on sm_90. */
  readonly blockSharedBytes: number;
  /**
   * Queues a launch without waiting.
   * @returns the outputs in the kernel's order; the caller owns the new ones.
   * @throws EngineError for a grid or tensor beyond the device's limits; CudaOutOfMemoryError; CudaError when the
   * driver refuses, or reports that an earlier launch failed.
   */
  run(kernel: CudaKernel, launch: CudaLaunch): TensorInfo[];
  /** Keeps a large float32 tensor in half its memory, rounded to bfloat16, until its next use. */
  halve(tensor: TensorInfo): void;
  /**
   * Times every kernel from now on by the device's clock.
   * @throws Error when kernels are being timed already.
   */
  startTimes(): void;
  /** Ends {@link startTimes}. @returns calls and time by kernel name. */
  stopTimes(): Promise<ReadonlyMap<string, OpTime>>;
  /** Runs `body`, then frees the tensors of its launches except those it returns. Frees all when it throws. */
  scope(body: () => TensorInfo[]): TensorInfo[];
}

const launchers = new WeakMap<object, CudaLauncher>();

/** Registers the launcher of an open backend. */
export function setCudaLauncher(backend: object, launcher: CudaLauncher): void {
  launchers.set(backend, launcher);
  setAbilities(backend, {
    halve: (tensor) => {
      if (launcher.bf16) launcher.halve(tensor);
    },
    times: launcher,
  });
}

/** The launcher of a kernel's backend. */
export function cudaLauncher(backend: KernelBackend): CudaLauncher {
  const launcher = launchers.get(backend);
  if (!launcher) throw new Error("a kernel of engine 'cuda' was called with the backend of another engine");
  return launcher;
}
