/**
 * @file One device's context: its stream, memory, kernels and copies. All work is queued on the one stream, in order.
 */
import type { CudaKernel, CudaText } from '@arena/runtime/cuda';
import { Allocator, type AllocatorOptions } from './allocator.js';
import type { CudaDevice } from './device.js';
import type { Driver } from './driver.js';
import { CudaError } from './error.js';
import { freeHostBlock, type HostBlock, hostBlock } from './host-block.js';
import type { KernelTimes } from './kernel-times.js';
import { kernelTexts, loadModule } from './module.js';

/** Bytes of pinned memory for reads. Larger results come in parts. */
const STAGING_BYTES = 2 ** 20;
const NOT_READY = 600;
const NON_BLOCKING = 1; // CU_STREAM_NON_BLOCKING
const NO_TIMING = 2; // CU_EVENT_DISABLE_TIMING
/** Bytes of shared memory that a block gets by default. */
const SHARED_BYTES = 48 * 1024;
const MOST_SHARED_BYTES = 8; // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
/** Polls that yield to the event loop at once. Later polls wait a millisecond. */
const EAGER_POLLS = 50;

export interface ContextOptions extends AllocatorOptions {
  /** PTX of kernels that replaces their packages' own. */
  modules?: readonly string[];
}

/** An open context. */
export class Context {
  readonly allocator: Allocator;
  /** The one stream. */
  readonly stream: number;
  /** PTX texts by kernel, and the loaded kernels. */
  private readonly texts = new Map<string, string>();
  /** Packages already read into `texts`. */
  private readonly read = new Set<CudaText>();
  private readonly modules: number[] = [];
  private readonly functions = new Map<string, number>();
  /** Shared memory of the kernels that need more than the default. */
  private readonly sharing = new Map<string, number>();
  private readonly pinned: HostBlock[] = [];
  /** Free pinned blocks and events. */
  private readonly spare: { block: HostBlock; event: number }[] = [];
  private open = true;
  /** Set while kernels are timed. */
  times?: KernelTimes;
  private readonly out = new BigUint64Array(1);

  /** @throws CudaError when the device is taken, or does not load the first kernel. */
  constructor(
    readonly driver: Driver,
    readonly device: CudaDevice,
    first: CudaKernel,
    { modules = [], ...options }: ContextOptions = {},
  ) {
    const context = this.made('cuDevicePrimaryCtxRetain', device.handle);
    try {
      driver.call('cuCtxSetCurrent', context);
      this.addKernels(modules);
      this.kernel(first); // a driver that refuses it fails here
      this.stream = this.made('cuStreamCreate', NON_BLOCKING);
    } catch (error) {
      driver.result('cuDevicePrimaryCtxRelease_v2', device.handle);
      throw error;
    }
    this.allocator = new Allocator(driver, options);
  }

  /** Adds PTX of kernels. A kernel of a known name replaces the earlier one. */
  addKernels(modules: readonly string[]): void {
    for (const [name, text] of modules.flatMap((module) => [...kernelTexts(module)])) {
      if (this.texts.get(name) === text) continue;
      this.texts.set(name, text);
      this.functions.delete(name);
      this.sharing.delete(name);
    }
  }

  /** @throws CudaError when it was closed. */
  check(): void {
    if (!this.open) throw new CudaError("engine 'cuda' is closed: open it again");
  }

  /**
   * The driver's handle of a kernel, loaded on first use.
   * @throws CudaError when no text has it, or the driver refuses it.
   */
  kernel({ name, ptx }: CudaKernel): number {
    const known = this.functions.get(name);
    if (known !== undefined) return known;
    const text = this.texts.get(name) ?? this.readText(name, ptx);
    const module = loadModule(this.driver, this.device, text);
    this.modules.push(module);
    this.driver.call('cuModuleGetFunction', this.out, module, name);
    const handle = Number(this.out[0]);
    this.functions.set(name, handle);
    return handle;
  }

  /** Reads the PTX of a kernel's package, and returns the kernel's text. */
  private readText(name: string, ptx: CudaText): string {
    if (!this.read.has(ptx)) {
      for (const [other, text] of ptx.read().flatMap((module) => [...kernelTexts(module)])) {
        if (!this.texts.has(other)) this.texts.set(other, text);
      }
      this.read.add(ptx);
    }
    const text = this.texts.get(name);
    if (text) return text;
    throw new CudaError(
      `engine 'cuda': ${ptx.package} has no PTX of its kernel ${name}: where CUDA's compiler is, run node tools/build-cuda.mjs`,
    );
  }

  /**
   * Queues a kernel. `parameters` is the address of the array of addresses of its arguments.
   */
  launch(declared: CudaKernel, grid: readonly number[], parameters: number): void {
    const [x, y = 1, z = 1] = grid;
    const { name, threads, sharedBytes } = declared;
    const kernel = this.kernel(declared);
    if (sharedBytes > (this.sharing.get(name) ?? SHARED_BYTES)) {
      this.driver.call('cuFuncSetAttribute', kernel, MOST_SHARED_BYTES, sharedBytes);
      this.sharing.set(name, sharedBytes);
    }
    this.timed(name, () => {
      this.driver.call('cuLaunchKernel', kernel, x, y, z, threads, 1, 1, sharedBytes, this.stream, parameters, 0);
    });
  }

  /** Queues work, and times it while kernels are timed. */
  timed(name: string, queue: () => void): void {
    if (this.times) this.times.measure(name, queue);
    else queue();
  }

  /** Queues a copy to the device. The array may change afterwards: the driver has copied it. */
  upload(pointer: number, values: ArrayBufferView): void {
    this.check();
    if (values.byteLength) {
      this.driver.call('cuMemcpyHtoDAsync_v2', pointer, values, values.byteLength, this.stream);
    }
  }

  copy(to: number, from: number, bytes: number): void {
    this.driver.call('cuMemcpyDtoDAsync_v2', to, from, bytes, this.stream);
  }

  /** Waits for all queued work. @throws CudaError when some of it failed. */
  synchronize(): void {
    this.driver.call('cuStreamSynchronize', this.stream);
  }

  downloadSync<T extends ArrayBufferView>(pointer: number, values: T): T {
    this.check();
    this.driver.call('cuMemcpyDtoHAsync_v2', values, pointer, values.byteLength, this.stream);
    this.synchronize();
    return values;
  }

  /** Fills an array from the device through pinned memory, without blocking the event loop. */
  async download<T extends ArrayBufferView>(pointer: number, values: T): Promise<T> {
    this.check();
    const target = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const { block, event } = this.spare.pop() ?? this.makeStaging();
    try {
      for (let at = 0; at < target.length; at += STAGING_BYTES) {
        const bytes = Math.min(STAGING_BYTES, target.length - at);
        this.driver.call('cuMemcpyDtoHAsync_v2', block.bytes, pointer + at, bytes, this.stream);
        this.driver.call('cuEventRecord', event, this.stream);
        await this.reached(event);
        target.set(block.bytes.subarray(0, bytes), at);
      }
    } finally {
      if (this.open) this.spare.push({ block, event });
    }
    return values;
  }

  /** Frees everything. Tensors are lost. A second call does nothing. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    const { driver } = this;
    driver.result('cuStreamSynchronize', this.stream);
    try {
      for (const { event } of this.spare) driver.result('cuEventDestroy_v2', event);
      for (const block of this.pinned) freeHostBlock(driver, block);
      this.allocator.dispose();
      for (const module of this.modules) driver.result('cuModuleUnload', module);
      driver.result('cuStreamDestroy_v2', this.stream);
    } catch {
      // a failed context cannot free single blocks; releasing it frees all
    }
    driver.result('cuDevicePrimaryCtxRelease_v2', this.device.handle);
  }

  private async reached(event: number): Promise<void> {
    for (let poll = 0; ; poll++) {
      const code = this.driver.result('cuEventQuery', event);
      if (code === 0) return;
      if (code !== NOT_READY) throw this.driver.failure('cuEventQuery', code);
      await new Promise((resolve) => (poll < EAGER_POLLS ? setImmediate(resolve) : setTimeout(resolve, 1)));
      this.check();
    }
  }

  /** A pinned block with the lifetime of the context. */
  pin(bytes: number): HostBlock {
    const block = hostBlock(this.driver, bytes);
    this.pinned.push(block);
    return block;
  }

  private makeStaging(): { block: HostBlock; event: number } {
    return { block: this.pin(STAGING_BYTES), event: this.made('cuEventCreate', NO_TIMING) };
  }

  /** The value that a function writes to its first argument. */
  private made(name: Parameters<Driver['call']>[0], ...values: number[]): number {
    const out = new BigUint64Array(1);
    this.driver.call(name, out, ...values);
    return Number(out[0]);
  }
}
