/** @file Keeps idle float32 values as bfloat16 on the device, in half the memory. */
import { type CudaKernel, cudaKernel } from '@arena/runtime/cuda';
import type { Context } from './context.js';
import type { HostBlock } from './host-block.js';
import { ptx } from './ptx.js';

const declaration = { inputs: ['x'], outputs: ['y'], params: { count: 'u32' }, threads: 256 } as const;
/** The smallest kernel. Loading it shows that the driver accepts the package's PTX. */
export const roundToStore = cudaKernel({ ptx, name: 'roundToStore', ...declaration });
const widenFromStore = cudaKernel({ ptx, name: 'widenFromStore', ...declaration });

const ARGUMENTS = 3;
/** Values per thread. */
const EIGHT = 8;

/** Rounds to bfloat16 and widens again. */
export class Bf16Store {
  /**
   * Addresses of the arguments, then the arguments. The launcher has its own arguments: it may meet a rounded tensor
   * while it fills them.
   */
  private readonly block: HostBlock;
  private readonly slots: BigUint64Array;

  constructor(private readonly context: Context) {
    this.block = context.pin(2 * ARGUMENTS * 8);
    const { buffer, byteOffset } = this.block.bytes;
    this.slots = new BigUint64Array(buffer, byteOffset, 2 * ARGUMENTS);
    for (let i = 0; i < ARGUMENTS; i++) this.slots[i] = BigInt(this.block.pointer + 8 * (ARGUMENTS + i));
  }

  /** Whether this many values can be kept this way. */
  takes(length: number): boolean {
    return length % EIGHT === 0;
  }

  /**
   * Frees float32 values and gives the address of their bfloat16.
   * @throws CudaOutOfMemoryError; nothing is freed then.
   */
  round(pointer: number, length: number): number {
    return this.convert(roundToStore, pointer, length, 2);
  }

  /** Widens them again. @throws CudaOutOfMemoryError; nothing is freed then. */
  widen(pointer: number, length: number): number {
    return this.convert(widenFromStore, pointer, length, 4);
  }

  private convert(kernel: CudaKernel, from: number, length: number, bytes: number): number {
    const { allocator } = this.context;
    const to = allocator.allocate(bytes * length);
    this.slots.set([BigInt(from), BigInt(to), BigInt(length)], ARGUMENTS);
    this.context.launch(kernel, [Math.ceil(length / EIGHT / kernel.threads)], this.block.pointer);
    allocator.free(from);
    return to;
  }
}
