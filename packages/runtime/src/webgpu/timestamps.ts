/** @file Times of kernels by the GPU's own clock: two timestamps around the compute pass of each. */
import { EngineError } from '../error.js';
import { addTime, type OpTime } from '../op-time.js';

/** Most passes of one submit: the launcher submits after 32. */
const MOST_PASSES = 64;

const QUERY_USAGE = 0x200 | 0x4; // GPUBufferUsage.QUERY_RESOLVE | COPY_SRC
const READ_USAGE = 0x1 | 0x8; // GPUBufferUsage.MAP_READ | COPY_DST

/** Times the kernels of one device from construction until {@link KernelTimes.stop}. */
export class KernelTimes {
  private readonly times = new Map<string, OpTime>();
  private readonly pending: Promise<void>[] = [];
  private readonly waiting: (() => void)[] = [];
  private names: string[] = [];
  private queries: GPUQuerySet | undefined;

  /** @throws EngineError when the device has no timestamps. */
  constructor(private readonly device: GPUDevice) {
    if (!device.features.has('timestamp-query')) {
      throw new EngineError(
        'unavailable',
        "engine 'webgpu' cannot time its kernels: this device has no timestamp queries",
      );
    }
  }

  /** The timestamp writes for a kernel's pass. */
  writes(name: string): GPUComputePassTimestampWrites {
    this.queries ??= this.device.createQuerySet({ type: 'timestamp', count: 2 * MOST_PASSES });
    const at = 2 * this.names.length;
    this.names.push(name);
    return { querySet: this.queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  /** Records a copy of the times after the passes of an encoder, before its submit. */
  resolve(encoder: GPUCommandEncoder): void {
    const { device, names, queries } = this;
    if (!queries || !names.length) return;
    const size = 16 * names.length;
    const resolved = device.createBuffer({ size, usage: QUERY_USAGE });
    const read = device.createBuffer({ size, usage: READ_USAGE });
    encoder.resolveQuerySet(queries, 0, 2 * names.length, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, size);
    this.names = [];
    this.queries = undefined;
    this.waiting.push(() => this.pending.push(this.take(names, read, [queries, resolved])));
  }

  /** Fetches the times of a submit. */
  submitted(): void {
    for (const begin of this.waiting.splice(0)) begin();
  }

  /** All times, after the GPU has finished the submits. */
  async stop(): Promise<ReadonlyMap<string, OpTime>> {
    await Promise.all(this.pending);
    return this.times;
  }

  private async take(names: string[], read: GPUBuffer, others: { destroy(): void }[]): Promise<void> {
    await read.mapAsync(1); // GPUMapMode.READ
    const stamps = new BigUint64Array(read.getMappedRange());
    for (const [i, name] of names.entries()) {
      // a clock reset between the two must not give a negative time
      addTime(this.times, name, Math.max(0, Number(stamps[2 * i + 1] - stamps[2 * i])) / 1e6);
    }
    read.unmap();
    for (const one of [read, ...others]) one.destroy();
  }
}
