/**
 * @file Opening a compute engine: a tfjs backend by name, or the best that opens here. Backend `cpu` registers itself
 * when wasm/backend.ts imports it. Bundlers for Node would drop an import made only for that side effect.
 */

import { ready, setBackend } from '@tensorflow/tfjs-core';
import { EngineError } from './error.js';
import { engineProvider } from './provider.js';
import type { NativeProducts } from './wasm/native.js';
import { closeWasm, openWasm } from './wasm/open.js';

/** The engines; `cpu` is the reference path (plain tfjs ops on tfjs-backend-cpu). */
export type EngineName = 'cpu' | 'wasm' | 'webgpu' | 'cuda' | 'tensorflow';

/** Options of engine `wasm`. */
export interface WasmOptions {
  /** Compute threads, including the calling one (default: the machine's cores, at most 8). */
  threads?: number;
  /**
   * false: no relaxed SIMD. Its fused multiply-add rounds once on some CPUs and twice on others. About 10 % slower, but
   * the same bits on every machine (default: used where available).
   */
  relaxedSimd?: boolean;
  /**
   * true: 256-bit vectors by V8's experimental flag `--experimental-wasm-revectorize`, which affects all WebAssembly of
   * the process while the engine is open. Node 24 or later. Opening takes half a second longer for a trial product: if
   * it is not faster or not right, the ordinary kernels run and {@link Engine.notes} says why. auto: the same where Node
   * has the flag, without a note (default: false).
   */
  wide?: boolean | 'auto';
  /**
   * A native library for large products, from `openBlas` of `@arena/runtime/blas` (Node). Opening takes some 150 ms
   * longer for a trial product: a library that is wrong or slower is not used, and {@link Engine.notes} says why (default:
   * none).
   */
  blas?: NativeProducts;
}

/** Options of engine `webgpu`. */
export interface WebgpuOptions {
  /**
   * true: matrix products hold weights and activations in half precision, where the GPU supports it. Gradients and sums
   * stay in float32, and values beyond 65,504 are clamped (default: false).
   */
  f16?: boolean;
}

/** Options of engine `cuda`. */
export interface CudaOptions {
  /** Number of the GPU (default: the first that is new enough). */
  gpu?: number;
  /**
   * true: products of large matrices, and attention, round their factors to bfloat16 and run on tensor cores, with sums
   * in float32 (default: false).
   */
  bf16?: boolean;
  /** false: `bf16` does not use NVIDIA's cuBLASLt, even where installed (default: true). */
  cublasLt?: boolean;
  /** Most bytes of device memory to use (default: all). */
  memoryBudget?: number;
}

/** The options of any one engine. */
export interface EngineOptions extends WasmOptions, WebgpuOptions, CudaOptions {}

/** The options of each engine that `auto` may open. */
export interface AutoOptions {
  cuda?: CudaOptions;
  webgpu?: WebgpuOptions;
  wasm?: WasmOptions;
}

/** Option names of each engine. An option of another engine is refused. */
const OPTIONS: Record<EngineName | 'auto', readonly string[]> = {
  cpu: [],
  tensorflow: [],
  wasm: ['threads', 'relaxedSimd', 'wide', 'blas'] satisfies (keyof WasmOptions)[],
  webgpu: ['f16'] satisfies (keyof WebgpuOptions)[],
  cuda: ['gpu', 'bf16', 'cublasLt', 'memoryBudget'] satisfies (keyof CudaOptions)[],
  auto: ['cuda', 'webgpu', 'wasm'] satisfies (keyof AutoOptions)[],
};

/** An open engine. It is tfjs's current backend until another engine opens. */
export interface Engine {
  name: EngineName;
  threads: number;
  /** Whether it computes with 256-bit vectors. */
  wide: boolean;
  /** Why the engine differs from what was asked for. Empty when it does not. */
  notes: readonly string[];
  /** Name of the graphics adapter or of the computing package. Engines `cuda`, `webgpu` and `tensorflow`. */
  device?: string;
  /** The native library of large products. Engine `wasm`. */
  blas?: Pick<NativeProducts, 'name' | 'path' | 'bf16'>;
  /** Whether `halve` rounds tensors to bfloat16. Engine `cuda` with `bf16`. */
  halves?: boolean;
  /** Bytes of device memory that were free, or allowed, when the engine opened. Engine `cuda`. */
  deviceBytes?: number;
  /** The engines that `auto` tried before this one, and why each cannot open here. */
  passedOver?: readonly { engine: EngineName; reason: string }[];
  /** Ends worker threads and frees the engine's memory. Tensors on it are lost. */
  dispose(): void;
}

/**
 * Opens an engine and makes it tfjs's current backend. `auto` (the default) opens the first of `cuda`, `webgpu` on a
 * GPU, and `wasm` that works. {@link Engine.passedOver} gives the reasons against the others.
 * @param options Options of the engine; for `auto`, options of each engine under its name.
 * @throws EngineError naming the engine and the reason when it cannot open here; naming an option of another engine.
 * @example
 * const engine = await openEngine('wasm', { threads: 4 });
 * @example
 * const { name, passedOver } = await openEngine('auto', { cuda: { bf16: true } });
 */
export function openEngine(name?: 'auto', options?: AutoOptions): Promise<Engine>;
export function openEngine(name: EngineName, options?: EngineOptions): Promise<Engine>;
export function openEngine(name: EngineName | 'auto'): Promise<Engine>;
export async function openEngine(
  name: EngineName | 'auto' = 'auto',
  options: EngineOptions & AutoOptions = {},
): Promise<Engine> {
  checkOptions(name, options);
  return name === 'auto' ? openBest(options) : openNamed(name, options);
}

function checkOptions(name: EngineName | 'auto', options: object): void {
  const own = OPTIONS[name];
  if (!own)
    throw new EngineError(
      'option',
      `there is no engine '${name}': use 'cuda', 'webgpu', 'wasm', 'tensorflow', 'cpu' or 'auto'`,
    );
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || own.includes(option)) continue;
    const owner = Object.keys(OPTIONS).find((other) => OPTIONS[other as EngineName].includes(option));
    const of = owner === undefined ? 'no engine has it' : `it is one of '${owner}'`;
    throw new EngineError(
      'option',
      `engine '${name}' has no option '${option}': ${of}; '${name}' has ${own.join(', ') || 'none'}`,
    );
  }
}

async function openBest(options: AutoOptions): Promise<Engine> {
  const { cuda = {}, webgpu = {}, wasm = {} } = options;
  checkOptions('cuda', cuda);
  checkOptions('webgpu', webgpu);
  checkOptions('wasm', wasm);
  const tries = { cuda: () => openCuda(cuda), webgpu: () => openWebgpuEngine(webgpu, true) };
  const passedOver: { engine: EngineName; reason: string }[] = [];
  for (const engine of ['cuda', 'webgpu'] as const) {
    try {
      return { ...(await tries[engine]()), passedOver };
    } catch (error) {
      passedOver.push({ engine, reason: (error as Error).message });
    }
  }
  return { ...(await openNamed('wasm', wasm)), passedOver };
}

async function openNamed(name: EngineName, options: EngineOptions): Promise<Engine> {
  if (name === 'cpu') {
    await setBackend('cpu');
    await ready();
    return { name, threads: 1, wide: false, notes: [], dispose() {} };
  }
  if (name === 'wasm') {
    checkThreads(options.threads);
    const { threads, relaxedSimd, wide, blas } = options;
    const backend = await openWasm({ threads, relaxed: relaxedSimd, wide, native: blas });
    const { pool, notes } = backend;
    const dispose = () => void closeWasm(backend);
    return { name, threads: pool.threads, wide: pool.build === 'wide', blas: pool.native, notes, dispose };
  }
  if (name === 'tensorflow') {
    const { openTensorflow } = await import('./tensorflow.js');
    const device = await openTensorflow();
    return { name, threads: 1, wide: false, notes: [], device, dispose() {} };
  }
  return name === 'cuda' ? openCuda(options) : openWebgpuEngine(options, false);
}

async function openCuda(options: CudaOptions): Promise<Engine> {
  const provider = await engineProvider('cuda', '@arena/cuda', 'cudaEngine');
  return provider.open(options);
}

/** @param hardware Whether to refuse an adapter that computes on the CPU. */
async function openWebgpuEngine(options: WebgpuOptions, hardware: boolean): Promise<Engine> {
  // loads tfjs's backend only where there is WebGPU: other engines do not pay for it
  const { provideNodeGpu } = await import('./webgpu/node.js');
  await provideNodeGpu();
  const { requireGpu } = await import('./webgpu/device.js');
  requireGpu();
  const tfjs = await tfjsWebgpu();
  const { closeWebgpu, openWebgpu } = await import('./webgpu/open.js');
  const { backend, device, notes } = await openWebgpu(tfjs, options, hardware);
  return { name: 'webgpu', threads: 1, wide: false, notes, device, dispose: () => void closeWebgpu(backend) };
}

/**
 * tfjs's backend for WebGPU, an optional peer: other engines do not need its 17 MB. It is imported here alone, and within `try`, where
 * bundlers leave a package that is missing to run time.
 * @throws EngineError when it is not installed.
 */
async function tfjsWebgpu() {
  try {
    return await import('@tensorflow/tfjs-backend-webgpu');
  } catch (error) {
    if (!(error as Error).message.includes('tfjs-backend-webgpu')) throw error;
    const install = 'npm install @tensorflow/tfjs-backend-webgpu@4.22';
    throw new EngineError('unavailable', `engine 'webgpu' needs tfjs's backend for it: ${install}`, { cause: error });
  }
}

function checkThreads(threads: number | undefined): void {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 64)) {
    throw new EngineError('option', `threads must be a whole number from 1 to 64, not ${threads}`);
  }
}
