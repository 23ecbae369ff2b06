/** @file Allocator over the one WebAssembly memory that holds tensors, packed operands and scratch. */
import { EngineError } from '../error.js';

/** Bytes of a WebAssembly page. */
export const PAGE = 65536;
/** 4 GiB: the range of 32-bit pointers. */
const MAX_PAGES = 65536;
/** Bytes below the heap: the pool's control words and call arguments. */
export const CONTROL_BYTES = PAGE;
/** Least growth of a shared memory, in bytes; untouched pages cost only address space. */
const GROWTH = 16 * 2 ** 20;
/** Alignment of every allocation: a cache line. */
const ALIGNMENT = 64;

/** Types of heap views. */
export type HeapType = 'float32' | 'int32' | 'bool';
export type HeapView = Float32Array | Int32Array | Uint8Array;

/** Size limit and visibility of a heap. Where address space is short, `maxPages` is halved until it fits. */
export interface HeapOptions {
  /** Largest size of the memory in pages of 64 KiB (default and most: 65,536 = 4 GiB). */
  maxPages?: number;
  /** false: a memory for one thread, which works where SharedArrayBuffer does not (default: shared where possible). */
  shared?: boolean;
}

interface Block {
  pointer: number;
  bytes: number;
}

/** Bytes per element of a heap dtype. */
export function bytesPerElement(dtype: HeapType): number {
  return dtype === 'bool' ? 1 : 4;
}

/** Whether this realm has shared memory (browsers: only on cross-origin isolated pages). */
function sharedMemoryAvailable(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer instanceof SharedArrayBuffer;
  } catch {
    return false;
  }
}

/** Fewest pages to try where the address space is short: 64 MiB. */
const FEWEST_PAGES = 1024;

/** A memory that can grow to `pages` pages, or to as many as the address space allows. */
function reserve(pages: number, shared: boolean): { memory: WebAssembly.Memory; pages: number } {
  for (; ; pages = Math.ceil(pages / 2)) {
    try {
      return { memory: new WebAssembly.Memory({ initial: CONTROL_BYTES / PAGE, maximum: pages, shared }), pages };
    } catch (error) {
      if (pages <= FEWEST_PAGES) throw error;
    }
  }
}

/**
 * First-fit allocator with coalescing. Only the thread that opened the engine uses it; worker threads only see
 * pointers.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  /** Bytes allocated now. */
  bytesInUse = 0;
  /** Most bytes that were ever allocated at once. */
  peakBytes = 0;
  /** Called after growth of an unshared memory: every older view is then detached. */
  onDetach: () => void = () => {};

  private readonly maxBytes: number;
  private readonly used = new Map<number, number>();
  /** Sorted by pointer; neighbours are merged. */
  private readonly freeBlocks: Block[] = [];
  /** Every buffer object of the memory: growth makes a new one, and old views keep theirs. */
  private readonly buffers = new WeakSet<ArrayBufferLike>();
  private end: number;

  constructor({ maxPages = MAX_PAGES, shared = sharedMemoryAvailable() }: HeapOptions = {}) {
    this.shared = shared;
    const { memory, pages } = reserve(maxPages, shared);
    this.memory = memory;
    this.maxBytes = pages * PAGE;
    this.buffers.add(this.memory.buffer);
    this.end = CONTROL_BYTES;
  }

  /**
   * @returns a pointer to `bytes` bytes (aligned to 64, contents undefined).
   * @throws EngineError when the memory cannot grow enough.
   */
  allocate(bytes: number): number {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    let index = this.freeBlocks.findIndex((block) => block.bytes >= size);
    if (index < 0) {
      this.grow(size);
      index = this.freeBlocks.length - 1;
    }
    const block = this.freeBlocks[index];
    const pointer = block.pointer;
    if (block.bytes === size) this.freeBlocks.splice(index, 1);
    else {
      block.pointer += size;
      block.bytes -= size;
    }
    this.used.set(pointer, size);
    this.bytesInUse += size;
    this.peakBytes = Math.max(this.peakBytes, this.bytesInUse);
    return pointer;
  }

  /** Frees a pointer of {@link allocate}. */
  free(pointer: number): void {
    const bytes = this.used.get(pointer);
    if (bytes === undefined) throw new Error(`heap: ${pointer} is not an allocated pointer`);
    this.used.delete(pointer);
    this.bytesInUse -= bytes;
    this.release({ pointer, bytes });
  }

  /** A live view of the heap. It must not outlive the allocation: copy values for callers. */
  view(pointer: number, length: number, dtype: HeapType): HeapView {
    const { buffer } = this.memory;
    if (dtype === 'float32') return new Float32Array(buffer, pointer, length);
    return dtype === 'int32' ? new Int32Array(buffer, pointer, length) : new Uint8Array(buffer, pointer, length);
  }

  /** Whether a typed array is a view of this heap. */
  owns(values: unknown): boolean {
    return ArrayBuffer.isView(values) && this.buffers.has(values.buffer);
  }

  private release(block: Block): void {
    const blocks = this.freeBlocks;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (blocks[middle].pointer < block.pointer) low = middle + 1;
      else high = middle;
    }
    const before = blocks[low - 1];
    const after = blocks[low];
    const joinsBefore = before !== undefined && before.pointer + before.bytes === block.pointer;
    const joinsAfter = after !== undefined && block.pointer + block.bytes === after.pointer;
    if (joinsBefore) {
      before.bytes += block.bytes + (joinsAfter ? after.bytes : 0);
      if (joinsAfter) blocks.splice(low, 1);
    } else if (joinsAfter) {
      after.pointer = block.pointer;
      after.bytes += block.bytes;
    } else blocks.splice(low, 0, block);
  }

  /** Makes the last free block at least `size` bytes long. */
  private grow(size: number): void {
    const last = this.freeBlocks[this.freeBlocks.length - 1];
    const tail = last !== undefined && last.pointer + last.bytes === this.end ? last.bytes : 0;
    // growth is expensive, and an unshared memory even copies itself: so it grows in steps or doubles
    const wanted = Math.max(size - tail, this.shared ? GROWTH : this.end);
    const least = Math.ceil((size - tail) / PAGE);
    const room = (this.maxBytes - this.end) / PAGE;
    const pages = Math.min(Math.ceil(wanted / PAGE), Math.max(least, room));
    try {
      this.memory.grow(pages);
    } catch {
      throw new EngineError(
        'memory',
        `the wasm engine's memory is full: ${size} bytes wanted, ${this.bytesInUse} of at most ${this.maxBytes} in use. ` +
          'Use shorter batches, recompute more layers, or dispose of tensors that are no longer needed.',
      );
    }
    this.buffers.add(this.memory.buffer);
    const pointer = this.end;
    this.end += pages * PAGE;
    this.release({ pointer, bytes: pages * PAGE });
    if (!this.shared) this.onDetach();
  }
}
