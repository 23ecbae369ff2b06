/** @file Opening a compute engine: a tfjs backend by name, or the best that this machine offers. */
import { ready, setBackend } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';

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
  if (name === 'auto' || name === 'cpu') {
    await setBackend('cpu');
    await ready();
    return { name: 'cpu', threads: 1, dispose() {} };
  }
  throw new Error(`engine '${name}' cannot be opened here (threads: ${options.threads ?? 'default'})`);
}
