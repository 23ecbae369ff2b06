/**
 * @file Opening a compute engine: a tfjs backend by name; `auto` is `wasm`. Backend `cpu` registers
 * itself when wasm/backend.ts imports it; an import for that side effect alone is one that bundlers for Node drop.
 */
import { ready, setBackend } from '@tensorflow/tfjs-core';
import { engineProvider } from './provider.js';
import { closeWasm, openWasm } from './wasm/open.js';

/** Engines that exist; `cpu` is the reference path (plain tfjs ops on tfjs-backend-cpu). */
export type EngineName = 'cpu' | 'wasm' | 'webgpu' | 'cuda' | 'tensorflow';

/** How an engine is opened. One that an option does not name takes no notice of it. */
export interface EngineOptions {
  /** Threads that compute, the calling one included (default: the machine's cores, at most 8). Engine `wasm` only. */
  threads?: number;
  /**
   * false: no relaxed SIMD, whose fused multiply-add rounds once on some CPUs and twice on others. Slower by a tenth; the
   * same bits on every machine (default: used where available). Engine `wasm` only.
   */
  relaxedSimd?: boolean;
  /**
   * true: 256-bit vectors by V8's experimental flag `--experimental-wasm-revectorize`, which holds for all WebAssembly of
   * the process while the engine is open. Node 24 or later. Opening takes half a second more, to try a product: where it
   * is not faster or not right, the ordinary kernels run and {@link Engine.notes} says why (default: false). Engine
   * `wasm` only.
   */
  wide?: boolean;
  /**
   * true: products of large matrices, and attention, round their factors to bfloat16 and run on tensor cores, with sums in float32
   * (default: false).
   * Engine `cuda` only.
   */
  bf16?: boolean;
  /** false: `bf16` does without NVIDIA's cuBLASLt where that is installed (default: true). Engine `cuda` only. */
  cublasLt?: boolean;
  /**
   * true: products of matrices hold weights and activations in half precision while they work on them, where the GPU has it; gradients and sums stay in
   * float32, and values beyond 65,504 are cut to that (default: false). Engine `webgpu` only.
   */
  f16?: boolean;
  /** Number of the GPU (default: the first that is new enough). Engine `cuda` only. */
  gpu?: number;
  /** Most bytes of device memory that are taken (default: what the GPU has). Engine `cuda` only. */
  memoryBudget?: number;
}

/** An open engine. It is tfjs's current backend until another is opened. */
export interface Engine {
  name: EngineName;
  threads: number;
  /** Whether it computes with 256-bit vectors. */
  wide: boolean;
  /** Why the engine is not what was asked for; empty when it is. */
  notes: readonly string[];
  /** Name of the graphics adapter or of the package that computes. Engines `cuda`, `webgpu` and `tensorflow`. */
  device?: string;
  /** Whether `halve` rounds tensors to bfloat16. Engine `cuda` with `bf16`. */
  halves?: boolean;
  /** Bytes of the device's memory that were free, or allowed, when the engine was opened. Engine `cuda`. */
  deviceBytes?: number;
  /** Ends worker threads and frees the engine's memory. Tensors on it are lost. */
  dispose(): void;
}

/**
 * Opens an engine and makes it tfjs's current backend.
 * @throws Error naming the engine and the reason when it cannot be opened here.
 */
export async function openEngine(name: EngineName | 'auto' = 'auto', options: EngineOptions = {}): Promise<Engine> {
  if (name === 'cpu') {
    await setBackend('cpu');
    await ready();
    return { name, threads: 1, wide: false, notes: [], dispose() {} };
  }
  if (name === 'wasm' || name === 'auto') {
    checkThreads(options.threads);
    const { threads, relaxedSimd, wide } = options;
    const backend = await openWasm({ threads, relaxed: relaxedSimd, wide });
    const { pool, notes } = backend;
    const dispose = () => void closeWasm(backend);
    return { name: 'wasm', threads: pool.threads, wide: pool.build === 'wide', notes, dispose };
  }
  if (name === 'webgpu') {
    // loaded when asked for: other engines do not pay for it
    const { closeWebgpu, openWebgpu } = await import('./webgpu/open.js').catch(sayWhatWebgpuNeeds);
    const { backend, device, notes } = await openWebgpu(options);
    return { name, threads: 1, wide: false, notes, device, dispose: () => void closeWebgpu(backend) };
  }
  if (name === 'tensorflow') {
    const { openTensorflow } = await import('./tensorflow.js');
    const device = await openTensorflow();
    return { name, threads: 1, wide: false, notes: [], device, dispose() {} };
  }
  if (name === 'cuda') {
    const provider = await engineProvider(name, '@arena/cuda', 'cudaEngine');
    return provider.open(options);
  }
  throw new Error(`there is no engine '${name}': use 'cuda', 'webgpu', 'wasm', 'tensorflow' or 'cpu'`);
}

/** tfjs's backend for WebGPU is an optional peer: 17 MB that no other engine needs. */
function sayWhatWebgpuNeeds(error: Error & { code?: string }): never {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !error.message.includes('tfjs-backend-webgpu')) throw error;
  const install = 'npm install @tensorflow/tfjs-backend-webgpu@4.22';
  throw new Error(`engine 'webgpu' needs tfjs's backend for it: ${install}`, { cause: error });
}

function checkThreads(threads: number | undefined): void {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 64)) {
    throw new Error(`threads must be a whole number from 1 to 64, not ${threads}`);
  }
}
