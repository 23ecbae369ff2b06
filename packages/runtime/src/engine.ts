/** @file Opening a compute engine: a tfjs backend by name, or the best that this machine offers. */
import { ready, setBackend } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { closeWasm, openWasm } from './wasm/open.js';

/** Engines that exist; `cpu` is the reference path (plain tfjs ops on tfjs-backend-cpu). */
export type EngineName = 'cpu' | 'wasm' | 'webgpu' | 'cuda' | 'tensorflow';

export interface EngineOptions {
  /** Threads that compute, the calling one included (default: the machine's cores, at most 8). Engine `wasm` only. */
  threads?: number;
}

/** An open engine. It is tfjs's current backend until another is opened. */
export interface Engine {
  name: EngineName;
  threads: number;
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
    return { name, threads: 1, dispose() {} };
  }
  if (name === 'wasm' || name === 'auto') {
    checkThreads(options.threads);
    const backend = await openWasm(options);
    return { name: 'wasm', threads: backend.pool.threads, dispose: () => void closeWasm(backend) };
  }
  throw new Error(`engine '${name}' cannot be opened here: this build has no such engine; use 'wasm' or 'cpu'`);
}

function checkThreads(threads: number | undefined): void {
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 64)) {
    throw new Error(`threads must be a whole number from 1 to 64, not ${threads}`);
  }
}
