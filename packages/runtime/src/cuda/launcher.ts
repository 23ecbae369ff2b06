/** @file What a kernel of engine `cuda` needs of it. The engine itself is package @arena/cuda, which this one must not need. */

import type { DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';
import { setAbilities } from '../abilities.js';
import type { OpTime } from '../op-time.js';
import type { CudaKernel } from './kernel.js';

/** One launch. */
export interface CudaLaunch {
  /** By the kernel's input names. An array is a table that no call changes: it goes to the device once. */
  inputs: { [name: string]: TensorInfo | Float32Array | undefined };
  /** By the kernel's output names: the shape of a new float32 tensor, shape and type, or a tensor that is written in place. */
  outputs: { [name: string]: number[] | { shape: number[]; dtype: DataType } | TensorInfo };
  /** By the kernel's parameter names. Integers are taken modulo 2^32. */
  params: { [name: string]: number | readonly number[] };
  /** Blocks along x, y, z. x may have 2^31 - 1 of them, y and z 65,535. */
  grid: readonly number[];
}

/** NVIDIA's library of matrix products, as far as {@link CudaLauncher} uses it. */
export interface CudaBlas {
  /**
   * C = scale A B^T, or adds that to `c` in place. a: [M, K], b: [N, K] in bfloat16, two values to a word; result: [M, N] in float32.
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
  /** Whether the device has Hopper's instructions (sm_90a), and the driver takes kernels with them. */
  readonly wgmma: boolean;
  /** cuBLASLt, where it was found and is wanted. */
  readonly cublasLt?: CudaBlas;
  /** Multiprocessors of the device. */
  readonly multiprocessors: number;
  /** Most bytes of shared memory that a block may have: 99 KiB on sm_86, 89 and 120, 163 KiB on sm_80, 227 KiB on sm_90. */
  readonly blockSharedBytes: number;
  /**
   * Queues a launch. Nothing is waited for.
   * @returns the outputs in the kernel's order; the caller owns those that are new.
   * @throws EngineError for a grid or tensor beyond the device's limits; CudaOutOfMemoryError; CudaError when the driver
   * refuses, or reports that an earlier launch failed.
   */
  run(kernel: CudaKernel, launch: CudaLaunch): TensorInfo[];
  /** Keeps a large float32 tensor in half its memory, rounded to bfloat16, until it is used next. */
  halve(tensor: TensorInfo): void;
  /**
   * Times every kernel from now on by the device's clock.
   * @throws Error when kernels are being timed already.
   */
  startTimes(): void;
  /** Ends {@link startTimes}, and gives calls and time by the kernels' names. */
  stopTimes(): Promise<ReadonlyMap<string, OpTime>>;
  /** Runs `body`, then frees the tensors that its launches made and that it does not return: all of them when it throws. */
  scope(body: () => TensorInfo[]): TensorInfo[];
}

const launchers = new WeakMap<object, CudaLauncher>();

/** Enters the launcher of an open backend. */
export function setCudaLauncher(backend: object, launcher: CudaLauncher): void {
  launchers.set(backend, launcher);
  setAbilities(backend, {
    halve: (tensor) => {
      if (launcher.bf16) launcher.halve(tensor);
    },
    times: launcher,
  });
}

/** The engine's launcher, for a kernel that is called with its backend. */
export function cudaLauncher(backend: KernelBackend): CudaLauncher {
  const launcher = launchers.get(backend);
  if (!launcher) throw new Error("a kernel of engine 'cuda' was called with the backend of another engine");
  return launcher;
}
