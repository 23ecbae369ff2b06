/** @file Opens engine `wasm`: heap, threads, tfjs backend and kernels. */

import {
  BatchMatMul,
  copyRegisteredKernels,
  findBackend,
  GatherV2,
  getKernel,
  type KernelFunc,
  registerBackend,
  registerKernel,
  removeBackend,
  setBackend,
  unregisterKernel,
} from '@tensorflow/tfjs-core';
import { setAbilities } from '../abilities.js';
import { EngineError } from '../error.js';
import { BACKEND_OF } from '../op.js';
import { WasmBackend } from './backend.js';
import { gatherRows } from './gather.js';
import { Heap, type HeapOptions } from './heap.js';
import { batchMatMul } from './matmul.js';
import { requireSimd } from './module.js';
import { triedNative } from './native-trial.js';
import { openPool, type PoolOptions } from './pool.js';
import { hasWide, requireWide, wideRefusal } from './wide.js';

const WASM_BACKEND = BACKEND_OF.wasm;

/** Most threads by default. */
const DEFAULT_MAX_THREADS = 8;

/** Heap and threads of the engine. */
export type WasmOptions = HeapOptions &
  Omit<PoolOptions, 'wide'> & {
    /** auto: the build for 256-bit vectors where Node has it and it is faster, without a note where not. */
    wide?: boolean | 'auto';
  };

/**
 * Makes `arena-wasm` tfjs's current backend. It reuses an open engine with the same options. Otherwise it replaces it,
 * and its tensors are lost.
 * @throws EngineError when WebAssembly SIMD, a thread or, if requested, 256-bit vectors are not available.
 */
export async function openWasm(asked: WasmOptions = {}): Promise<WasmBackend> {
  const { threads, relaxed, wide, native, ...options } = asked;
  if (wide === true && relaxed === false)
    throw new EngineError('option', '256-bit vectors (wide) need relaxed SIMD: leave one option out');
  requireSimd();
  if (wide === true) requireWide();
  const tries = wide === true || (wide === 'auto' && relaxed !== false && hasWide());
  const open = findBackend(WASM_BACKEND) as WasmBackend | null;
  const fits = ({ pool, notes }: WasmBackend) =>
    (threads === undefined || threads === pool.threads) &&
    (relaxed === undefined || relaxed === (pool.build !== 'plain')) &&
    (wide === undefined || tries === (pool.build === 'wide' || notes.length > 0)) &&
    (native === undefined || (native.path === pool.native?.path && native.bf16 === pool.native.bf16));
  if (open && fits(open)) {
    await setBackend(WASM_BACKEND);
    return open;
  }
  if (open) removeBackend(WASM_BACKEND);
  const wideReason = tries ? wideRefusal() : undefined;
  const { library, reason } = native ? triedNative(native) : {};
  const heap = new Heap(options);
  const pool = await openPool(heap, {
    threads: threads ?? defaultThreads(),
    relaxed,
    wide: tries && wideReason === undefined,
    native: library,
    ...options,
  });
  const notes = [wide === true ? wideReason : undefined, reason].filter((one) => one !== undefined);
  const backend = new WasmBackend(heap, pool, notes);
  setAbilities(backend, { evict: (tensor) => backend.evict(tensor) });
  registerKernels();
  registerBackend(WASM_BACKEND, () => backend);
  await setBackend(WASM_BACKEND);
  return backend;
}

/** Ends an engine of {@link openWasm}, unless another one has replaced it. */
export async function closeWasm(backend: WasmBackend): Promise<void> {
  if (findBackend(WASM_BACKEND) !== backend) return;
  removeBackend(WASM_BACKEND);
  await setBackend('cpu');
}

function defaultThreads(): number {
  return Math.max(1, Math.min(DEFAULT_MAX_THREADS, availableCores()));
}

function availableCores(): number {
  if (typeof navigator !== 'undefined' && navigator.hardwareConcurrency) return navigator.hardwareConcurrency;
  return typeof process === 'undefined' ? 1 : process.getBuiltinModule('node:os').availableParallelism();
}

function registerKernels(): void {
  if (getKernel(BatchMatMul, WASM_BACKEND)) return;
  copyRegisteredKernels('cpu', WASM_BACKEND);
  const own = { [BatchMatMul]: batchMatMul, [GatherV2]: gatherRows };
  for (const [kernelName, kernel] of Object.entries(own)) {
    unregisterKernel(kernelName, WASM_BACKEND);
    registerKernel({ kernelName, backendName: WASM_BACKEND, kernelFunc: kernel as unknown as KernelFunc });
  }
}
