/**
 * @file Device memory: it keeps freed blocks and reuses them, since the driver's own calls wait for the GPU. Everything
 * runs on one stream, so a block may be reused as soon as it is freed.
 */
import type { Driver } from './driver.js';
import { CudaOutOfMemoryError } from './error.js';

/** Blocks are multiples of 512 bytes, large ones of 1 MiB. */
const SMALL = 512;
const LARGE = 2 ** 20;
/** A kept block serves requests down to this fraction of its size. */
const LEAST_PART = 0.8;

export interface AllocatorOptions {
  /** Most bytes to take from the device, in use or kept (default: all it has). */
  budget?: number;
}

/** Memory of one device. */
export class Allocator {
  /** Bytes of the blocks in use, and of the kept ones. */
  bytesInUse = 0;
  bytesKept = 0;
  /** Most bytes that were in use at once. */
  peakBytes = 0;
  private readonly sizes = new Map<number, number>();
  /** Kept blocks, and their sizes in ascending order. */
  private readonly kept = new Map<number, number[]>();
  private order: number[] = [];
  private readonly out = new BigUint64Array(1);
  private most: number;

  constructor(
    private readonly driver: Driver,
    { budget = Number.POSITIVE_INFINITY }: AllocatorOptions = {},
  ) {
    this.most = budget;
  }

  /** Most bytes to take. A lower limit frees kept blocks; blocks in use stay. */
  get budget(): number {
    return this.most;
  }

  set budget(bytes: number) {
    this.most = bytes;
    if (this.bytesHeld > bytes) this.trim();
  }

  /** Bytes of all blocks, in use or kept. */
  get bytesHeld(): number {
    return this.bytesInUse + this.bytesKept;
  }

  /** Free bytes of the device, for this and other processes. */
  freeBytes(): number {
    const [available, total] = [new BigUint64Array(1), new BigUint64Array(1)];
    this.driver.call('cuMemGetInfo_v2', available, total);
    return Number(available[0]);
  }

  /**
   * Address of a new block, 256-byte aligned, with undefined contents.
   * @throws CudaOutOfMemoryError when neither the device nor the budget has room, even without the kept blocks.
   */
  allocate(bytes: number): number {
    const size = roundUp(bytes, bytes > LARGE ? LARGE : SMALL);
    const pointer = this.takeKept(size) ?? this.takeNew(size);
    this.bytesInUse += this.sizes.get(pointer)!;
    this.peakBytes = Math.max(this.peakBytes, this.bytesInUse);
    return pointer;
  }

  free(pointer: number): void {
    const size = this.sizes.get(pointer);
    if (size === undefined) throw new Error(`cuda: ${pointer} is no block of this allocator`);
    this.bytesInUse -= size;
    this.bytesKept += size;
    const list = this.kept.get(size);
    if (list) list.push(pointer);
    else {
      this.kept.set(size, [pointer]);
      this.order = [...this.kept.keys()].sort((a, b) => a - b);
    }
  }

  /** Frees the kept blocks. */
  trim(): void {
    for (const list of this.kept.values()) {
      for (const pointer of list) {
        this.driver.call('cuMemFree_v2', pointer);
        this.sizes.delete(pointer);
      }
    }
    this.kept.clear();
    this.order = [];
    this.bytesKept = 0;
  }

  /** Frees everything. Blocks in use are lost. */
  dispose(): void {
    for (const pointer of this.sizes.keys()) this.driver.call('cuMemFree_v2', pointer);
    this.sizes.clear();
    this.kept.clear();
    this.order = [];
    this.bytesInUse = this.bytesKept = 0;
  }

  private takeKept(size: number): number | undefined {
    for (const candidate of this.order) {
      if (candidate < size) continue;
      if (size < candidate * LEAST_PART) return undefined;
      const pointer = this.kept.get(candidate)!.pop();
      if (pointer === undefined) continue;
      this.bytesKept -= candidate;
      return pointer;
    }
    return undefined;
  }

  private takeNew(size: number): number {
    const { budget } = this;
    if (this.bytesHeld + size > budget) this.trim();
    if (this.bytesHeld + size > budget) throw this.outOfMemory(size, `the budget is ${mebibytes(budget)}`);
    let code = this.driver.result('cuMemAlloc_v2', this.out, size);
    if (code === OUT_OF_MEMORY && this.bytesKept) {
      this.trim();
      code = this.driver.result('cuMemAlloc_v2', this.out, size);
    }
    if (code === OUT_OF_MEMORY) {
      const [available, total] = [new BigUint64Array(1), new BigUint64Array(1)];
      this.driver.call('cuMemGetInfo_v2', available, total);
      const free = `the device has ${mebibytes(Number(available[0]))} of ${mebibytes(Number(total[0]))} left`;
      throw this.outOfMemory(size, free);
    }
    if (code) throw this.driver.failure('cuMemAlloc_v2', code);
    const pointer = Number(this.out[0]);
    this.sizes.set(pointer, size);
    return pointer;
  }

  private outOfMemory(size: number, why: string): CudaOutOfMemoryError {
    return new CudaOutOfMemoryError(
      `engine 'cuda': out of memory: ${mebibytes(size)} asked for, ${mebibytes(this.bytesInUse)} in use here, ${why}; ` +
        'lower the tokens of a batch, or end other processes on the GPU',
      size,
    );
  }
}

const OUT_OF_MEMORY = 2;

function roundUp(bytes: number, multiple: number): number {
  return Math.max(1, Math.ceil(bytes / multiple)) * multiple;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`;
}
