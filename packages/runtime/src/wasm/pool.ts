/** @file Fork-join over worker threads that share the heap: an atomic counter distributes a kernel's tasks. */
import { EngineError } from '../error.js';
import { CONTROL_BYTES, type Heap } from './heap.js';
import {
  type Build,
  type KernelFunction,
  type KernelModule,
  moduleBytes,
  relaxedSimdAvailable,
  setV8Flags,
  v8Flags,
} from './module.js';
import {
  chainWords,
  NATIVE_KERNELS,
  type NativeCall,
  type NativeMatrices,
  type NativeProducts,
  nativeKernels,
  nativeWords,
  useHugePages,
} from './native.js';
import {
  ARGUMENTS,
  MAX_ARGUMENTS,
  MAX_MODULES,
  MAX_THREADS,
  MESSAGE,
  NATIVE,
  SPIN,
  STATE,
  WORD,
  type WorkerStart,
  workerSource,
} from './worker.js';

export interface PoolOptions {
  /** Compute threads, including the calling one (default 1). An unshared memory allows 1. */
  threads?: number;
  /** false: never use relaxed SIMD (default: where available). */
  relaxed?: boolean;
  /**
   * true: the build for 256-bit vectors, with the V8 flag that makes them, until the pool is disposed of (default
   * false). Node 24 or later; see wide.ts.
   */
  wide?: boolean;
  /** A library for {@link Pool.runNative}. It needs a shared memory. */
  native?: NativeProducts;
  /** Milliseconds of a task before its thread counts as dead (default 120,000). */
  stallMs?: number;
}

/** A job for all threads: a function of a module, its arguments and the number of tasks. */
export interface Job {
  module: KernelModule;
  /** Exported function `(words: Class, task: u32, scratch: usize)`. */
  kernel: string;
  /** 32-bit words: integers and pointers as they are, floats as their bits. */
  args: readonly number[];
  tasks: number;
  /** Bytes of scratch that each thread gets (default 0). */
  scratch?: number;
}

interface LoadedModule {
  id: number;
  names: string[];
  functions: KernelFunction[];
}

interface WorkerThread {
  index: number;
  terminate(): void;
}

/** Worker threads over one heap, from {@link openPool}. Only the thread that opened it may call methods. */
export class Pool {
  /** Build of the kernels that runs. */
  readonly build: Build;
  /** The library of {@link Pool.runNative}. */
  readonly native: NativeProducts | undefined;
  private readonly words: Int32Array;
  private readonly modules = new Map<KernelModule, LoadedModule>();
  private readonly stallMs: number;
  /** The library's kernels on the calling thread. */
  private readonly nativeKernels: KernelFunction[] = [];
  private workers: WorkerThread[] = [];
  private generation = 0;
  /** Started threads, including the calling one. Numbers stay when a thread ends. */
  private slots = 1;
  private scratch: { pointer: number; stride: number } | undefined;
  private disposed = false;

  constructor(
    private readonly heap: Heap,
    { relaxed = true, wide = false, native, stallMs = 120_000 }: Omit<PoolOptions, 'threads'> = {},
  ) {
    if (wide) this.build = 'wide';
    else this.build = relaxed && relaxedSimdAvailable() ? 'relaxed' : 'plain';
    setV8Flags(v8Flags(this.build));
    this.stallMs = stallMs;
    this.words = new Int32Array(heap.memory.buffer, 0, CONTROL_BYTES / 4);
    if (!native || !heap.shared) return;
    this.native = native;
    const koffi = process.getBuiltinModule('node:module').createRequire(native.koffi)(native.koffi);
    useHugePages(koffi, heap.memory);
    this.nativeKernels = nativeKernels(native.bind(koffi, native.path, native.data as never), koffi, heap.memory);
  }

  /** Current threads, including the calling one. A worker that has ended no longer counts. */
  get threads(): number {
    return 1 + this.workers.length;
  }

  /** Starts worker threads 1 to `threads` - 1 and waits until all run. */
  async start(threads: number): Promise<void> {
    let failure: Error | undefined;
    this.slots = threads;
    const flags = v8Flags(this.build);
    const native = this.native && { koffi: this.native.koffi, path: this.native.path, data: this.native.data };
    const source = workerSource(this.native?.bind);
    for (let index = 1; index < threads; index++) {
      const worker: WorkerThread = {
        index,
        terminate: spawn(source, { memory: this.heap.memory, index, flags, native }, (reason) => {
          failure ??= new EngineError('kernel', `worker thread ${index} of the wasm engine ended: ${reason}`);
          this.workers = this.workers.filter((other) => other !== worker);
        }),
      };
      this.workers.push(worker);
    }
    const started = [...this.workers];
    while (started.some(({ index }) => Atomics.load(this.words, stateOf(index)) === STATE.starting)) {
      if (failure) {
        this.dispose();
        throw failure;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /**
   * Runs all tasks of a job, then returns.
   * @throws EngineError when the module is not a {@link KernelModule}; naming the kernel and the thread when a task
   * traps. The pool stays usable.
   */
  run({ module, kernel, args, tasks, scratch = 0 }: Job): void {
    if (this.disposed) throw new EngineError('closed', `kernel '${kernel}': the wasm engine has been disposed of`);
    if (args.length > MAX_ARGUMENTS) throw new Error(`kernel '${kernel}': more than ${MAX_ARGUMENTS} argument words`);
    if (tasks <= 0) return;
    const loaded = this.load(module);
    const index = loaded.names.indexOf(kernel);
    if (index < 0)
      throw new Error(`module ${module.name} has no kernel '${kernel}'; it has ${loaded.names.join(', ')}`);
    const name = `${module.name} '${kernel}'`;
    this.share(name, { id: loaded.id, index, kernel: loaded.functions[index] }, args, tasks, this.scratchFor(scratch));
  }

  /**
   * Runs a product of the native library, by blocks of C.
   * @throws EngineError naming the library when it refuses the product; Error without a library.
   */
  runNative(call: NativeCall): void {
    const tasks = Math.ceil(call.m / call.rows) * Math.ceil(call.n / call.columns);
    this.shareNative('blocks', nativeWords(call), tasks);
  }

  /**
   * Runs chains of products of the native library. A thread takes a whole chain, product after product, so that they may
   * add to one C; different chains write different places.
   * @throws as {@link runNative}.
   */
  runNativeChains(chains: readonly (readonly NativeMatrices[])[]): void {
    const words = chainWords(chains);
    const bytes = 4 * words.length;
    const pointer = this.heap.allocate(bytes);
    try {
      (this.heap.view(pointer, words.length, 'int32') as Int32Array).set(words);
      this.shareNative('chains', [pointer, pointer + 4 * (chains.length + 1), bytes], chains.length);
    } finally {
      this.heap.free(pointer);
    }
  }

  private shareNative(name: keyof typeof NATIVE_KERNELS, args: number[], tasks: number): void {
    if (this.disposed) throw new EngineError('closed', 'a product: the wasm engine has been disposed of');
    if (!this.native) throw new Error('the pool has no native library');
    const index = NATIVE_KERNELS[name];
    const kernel = { id: NATIVE, index, kernel: this.nativeKernels[index] };
    this.share(`of ${this.native.name}`, kernel, args, tasks, this.scratchFor(0));
  }

  /** Shares a kernel's tasks among the threads. */
  private share(
    name: string,
    { id, index, kernel }: { id: number; index: number; kernel: KernelFunction },
    args: readonly number[],
    tasks: number,
    area: { pointer: number; stride: number },
  ): void {
    const words = this.heap.shared ? this.words : new Int32Array(this.heap.memory.buffer, 0, CONTROL_BYTES / 4);
    for (let i = 0; i < args.length; i++) words[ARGUMENTS / 4 + i] = args[i];
    if (tasks === 1 || this.workers.length === 0) {
      runHere(name, kernel, tasks, area.pointer);
      return;
    }
    words.set([id, index, ARGUMENTS, tasks, area.pointer, area.stride], WORD.job);
    this.fork(name, kernel, tasks, area.pointer);
  }

  /** Ends the worker threads. */
  dispose(): void {
    if (this.build === 'wide' && !this.disposed) setV8Flags(['--no-experimental-wasm-revectorize']);
    this.disposed = true;
    for (const worker of this.workers) worker.terminate();
    this.workers = [];
  }

  private load(module: KernelModule): LoadedModule {
    const known = this.modules.get(module);
    if (known) return known;
    const id = this.modules.size;
    if (id === MAX_MODULES)
      throw new EngineError('limit', `the wasm engine holds at most ${MAX_MODULES} kernel modules`);
    const bytes = moduleBytes(module, this.build, this.heap.shared);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory: this.heap.memory } });
    const names = Object.keys(instance.exports)
      .filter((name) => typeof instance.exports[name] === 'function')
      .sort();
    // worker threads sleep in Atomics.wait and get no messages: they compile the bytes from shared memory when needed
    if (this.heap.shared) {
      const pointer = this.heap.allocate(bytes.length);
      this.heap.view(pointer, bytes.length, 'bool').set(bytes);
      this.words.set([pointer, bytes.length], WORD.modules + 2 * id);
    }
    const loaded = { id, names, functions: names.map((name) => instance.exports[name] as KernelFunction) };
    this.modules.set(module, loaded);
    return loaded;
  }

  private scratchFor(bytes: number): { pointer: number; stride: number } {
    if (!this.scratch || this.scratch.stride < bytes) {
      if (this.scratch) this.heap.free(this.scratch.pointer);
      this.scratch = undefined;
      const stride = Math.ceil(bytes / 4096) * 4096 + 64;
      this.scratch = { pointer: this.heap.allocate(stride * this.slots), stride };
    }
    return this.scratch;
  }

  private fork(name: string, kernel: KernelFunction, tasks: number, scratch: number): void {
    const { words, workers } = this;
    this.generation = (this.generation + 4) | 0;
    const { generation } = this;
    Atomics.store(words, WORD.next, 0);
    Atomics.store(words, WORD.failed, 0);
    for (const { index } of workers) Atomics.store(words, stateOf(index), generation + STATE.invited);
    Atomics.store(words, WORD.generation, generation);
    Atomics.notify(words, WORD.generation);
    let failure: unknown;
    try {
      for (let task = Atomics.add(words, WORD.next, 1); task < tasks; task = Atomics.add(words, WORD.next, 1)) {
        kernel(ARGUMENTS, task, scratch);
      }
    } catch (error) {
      Atomics.store(words, WORD.next, tasks);
      failure = error;
    }
    for (const worker of workers) this.join(worker, generation, name);
    if (failure) throw kernelError(name, 0, failure);
    const failed = Atomics.load(words, WORD.failed);
    if (failed) throw kernelError(name, failed - 1, this.message());
  }

  /** Waits for a worker in the job. Withdraws the invitation of one that has not woken up yet. */
  private join(worker: WorkerThread, generation: number, name: string): void {
    const { words } = this;
    const state = stateOf(worker.index);
    const idle = generation + STATE.idle;
    if (Atomics.compareExchange(words, state, generation + STATE.invited, idle) === generation + STATE.invited) return;
    for (let turn = 0; turn < SPIN; turn++) if (Atomics.load(words, state) === idle) return;
    const deadline = Date.now() + this.stallMs;
    while (Atomics.load(words, state) !== idle) {
      if (Date.now() > deadline) {
        worker.terminate();
        this.workers = this.workers.filter((other) => other !== worker);
        this.scratch = undefined; // the lost thread may still write there
        throw kernelError(name, worker.index, `no answer for ${this.stallMs} ms; the thread has ended`);
      }
      sleep(words, state, generation + STATE.busy);
    }
  }

  private message(): string {
    const length = this.words[MESSAGE / 4];
    const bytes = this.heap.view(MESSAGE + 4, length, 'bool').slice();
    return String.fromCharCode(...bytes);
  }
}

/**
 * Opens a pool over a heap.
 * @throws Error when a thread cannot be started.
 */
export async function openPool(heap: Heap, { threads = 1, ...options }: PoolOptions = {}): Promise<Pool> {
  const pool = new Pool(heap, options);
  await pool.start(heap.shared ? Math.min(threads, MAX_THREADS) : 1);
  return pool;
}

function stateOf(index: number): number {
  return WORD.state + 16 * index;
}

function runHere(name: string, kernel: KernelFunction, tasks: number, scratch: number): void {
  try {
    for (let task = 0; task < tasks; task++) kernel(ARGUMENTS, task, scratch);
  } catch (error) {
    throw kernelError(name, 0, error);
  }
}

function kernelError(name: string, thread: number, cause: unknown): Error {
  const text = cause instanceof Error ? cause.message : String(cause);
  return new EngineError('kernel', `kernel ${name} failed on thread ${thread}: ${text}`, { cause });
}

/**
 * Sleeps while a word has a value, at most 100 ms. A browser's window thread must not sleep: it returns at once there.
 */
function sleep(words: Int32Array, index: number, value: number): void {
  try {
    Atomics.wait(words, index, value, 100);
  } catch {
    // spin
  }
}

/** Starts a thread that does not keep the process alive. @returns a function that ends it. */
function spawn(source: string, start: WorkerStart, onEnd: (reason: string) => void): () => void {
  if (typeof process !== 'undefined' && process.versions?.node) {
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    const worker = new Worker(source, {
      eval: true,
      workerData: start,
      execArgv: [],
      name: `arena-${start.index}`,
    });
    worker.on('error', (error) => onEnd(String(error)));
    worker.on('exit', (code) => onEnd(`exit code ${code}`));
    worker.unref();
    return () => void worker.terminate();
  }
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url, { name: `arena-${start.index}` });
  worker.onerror = (event) => onEnd(event.message);
  worker.postMessage(start);
  return () => {
    worker.terminate();
    URL.revokeObjectURL(url);
  };
}
