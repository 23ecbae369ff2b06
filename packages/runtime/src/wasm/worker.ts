/**
 * @file Shared by the pool's threads: layout of the control words, and the source of a worker thread. The source is a
 * string, so that a bundled package needs no second file: Node evaluates it, a browser loads it from a Blob.
 */

import { type BindProduct, nativeKernels } from './native.js';

/** Most threads of a pool, the calling one included. */
export const MAX_THREADS = 64;
/** Most kernel modules of a pool. */
export const MAX_MODULES = 64;
/** Turns that a thread spins before it sleeps. More is slower on shared cores. */
export const SPIN = 2000;

/** Indices of 32-bit control words. Words of different writers are on different cache lines. */
export const WORD = {
  /** Number of the latest job times 4. */
  generation: 0,
  /** Next task of the job. */
  next: 16,
  /** 1 + the first thread whose kernel failed, else 0. */
  failed: 32,
  /** Job: module, function, address of the arguments, tasks, address of the scratch, scratch bytes a thread. */
  job: 48,
  /** A thread's state, every 16 words: generation plus one of {@link STATE}. */
  state: 64,
  /** Modules: address and length of each. */
  modules: 64 + 16 * MAX_THREADS,
} as const;

/** Low two bits of a state word. A thread joins a job only by changing `invited` to `busy`. */
export const STATE = { starting: 0, invited: 1, busy: 2, idle: 3 } as const;

/** Byte offset of the failing thread's message: a length word and that many bytes. */
export const MESSAGE = 8192;
/** Most bytes of the message. */
const MESSAGE_BYTES = 1024;
/** Byte offset of the arguments of a job. */
export const ARGUMENTS = 16384;
/** Most words of arguments. */
export const MAX_ARGUMENTS = 1024;

/** Start message of a worker. */
export interface WorkerStart {
  memory: WebAssembly.Memory;
  /** Number of the thread, from 1. */
  index: number;
  /** V8 flags to set. */
  flags: readonly string[];
  /** The native library, bound by the source's function. */
  native?: { koffi: string; path: string; data: object };
}

/** Module of a job for the native library. */
export const NATIVE = -1;

/** Source of a worker, with the function that binds the native library. */
export function workerSource(bind?: BindProduct): string {
  return `'use strict';
const nativeKernels = ${bind && nativeKernels};
const bind = ${bind};
function start({ memory, index, flags, native }) {
  for (const flag of flags) require('node:v8').setFlagsFromString(flag);
  const words = new Int32Array(memory.buffer, 0, ${ARGUMENTS / 4});
  const state = ${WORD.state} + 16 * index;
  const modules = [];
  const load = (id) => {
    const pointer = words[${WORD.modules} + 2 * id] >>> 0;
    const length = words[${WORD.modules} + 2 * id + 1];
    // another thread may have grown the memory: growing by nothing brings this thread's buffer up to date
    if (pointer + length > memory.buffer.byteLength) memory.grow(0);
    const bytes = new Uint8Array(memory.buffer, pointer, length).slice();
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    return Object.keys(exports).filter((name) => typeof exports[name] === 'function').sort().map((name) => exports[name]);
  };
  if (native) {
    const koffi = require(native.koffi);
    modules[${NATIVE}] = nativeKernels(bind(koffi, native.path, native.data), koffi, memory);
  }
  const run = () => {
    const job = ${WORD.job};
    const id = words[job];
    const kernel = (modules[id] ??= load(id))[words[job + 1]];
    const args = words[job + 2];
    const tasks = words[job + 3];
    const scratch = (words[job + 4] >>> 0) + index * words[job + 5];
    for (;;) {
      const task = Atomics.add(words, ${WORD.next}, 1);
      if (task >= tasks) return;
      kernel(args, task, scratch);
    }
  };
  const fail = (error) => {
    const tasks = words[${WORD.job} + 3];
    Atomics.store(words, ${WORD.next}, tasks);
    if (Atomics.compareExchange(words, ${WORD.failed}, 0, index + 1) !== 0) return;
    const text = String(error && error.message || error).slice(0, ${MESSAGE_BYTES});
    const bytes = new Uint8Array(memory.buffer, ${MESSAGE + 4}, ${MESSAGE_BYTES});
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i) & 127;
    words[${MESSAGE / 4}] = text.length;
  };
  let seen = Atomics.load(words, ${WORD.generation});
  Atomics.store(words, state, seen + ${STATE.idle});
  for (;;) {
    let turn = 0;
    while (turn < ${SPIN} && Atomics.load(words, ${WORD.generation}) === seen) turn++;
    if (turn === ${SPIN}) Atomics.wait(words, ${WORD.generation}, seen);
    const generation = Atomics.load(words, ${WORD.generation});
    if (generation === seen) continue;
    seen = generation;
    // a thread that wakes up late finds its invitation withdrawn
    const invited = generation + ${STATE.invited};
    if (Atomics.compareExchange(words, state, invited, generation + ${STATE.busy}) !== invited) continue;
    try {
      run();
    } catch (error) {
      fail(error);
    }
    Atomics.store(words, state, generation + ${STATE.idle});
    Atomics.notify(words, state);
  }
}
if (typeof require === 'function') start(require('node:worker_threads').workerData);
else self.onmessage = ({ data }) => start(data);
`;
}
