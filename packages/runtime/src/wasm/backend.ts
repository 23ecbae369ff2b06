/**
 * @file The tfjs backend of engine `wasm`. Uploads and outputs of plain ops are ordinary arrays, computed by
 * tfjs-backend-cpu's kernels; a tensor moves to the WebAssembly heap when a kernel of this engine first reads it. Those
 * kernels write their outputs there.
 */

import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import type { backend_util, DataId, DataType, KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';
import { util } from '@tensorflow/tfjs-core';
import { EngineError } from '../error.js';
import { bytesPerElement, type Heap, type HeapType, type HeapView } from './heap.js';
import { floatWord, type WasmKernel, type WasmRun } from './kernel.js';
import type { Pool } from './pool.js';

/** Place of a tensor's values in the heap. */
interface Residence {
  pointer: number;
  length: number;
  dtype: HeapType;
}

/** tfjs backend `arena-wasm`: {@link MathBackendCPU} with a heap and a pool of threads. */
export class WasmBackend extends MathBackendCPU {
  private static nextId = 0;
  private readonly residences = new Map<DataId, Residence>();
  /** Arrays of evicted tensors. */
  private readonly evicted = new Map<DataId, ArrayBuffer>();
  /** Free arrays of earlier evicted tensors, by size in bytes. */
  private readonly spareBuffers = new Map<number, ArrayBuffer[]>();
  /** Every array made by {@link evict}. */
  private readonly spillBuffers = new WeakSet<ArrayBuffer>();

  constructor(
    readonly heap: Heap,
    readonly pool: Pool,
    /** Why the engine differs from what was asked for. */
    readonly notes: readonly string[] = [],
  ) {
    super();
    heap.onDetach = () => {
      for (const [dataId, residence] of this.residences) this.data.get(dataId).values = this.viewOf(residence);
    };
  }

  /**
   * Address of a tensor's values in the heap. Moves them there if needed. Valid as long as the tensor.
   * @throws EngineError for strings and complex numbers, and when the heap is full.
   */
  pointer(tensor: TensorInfo): number {
    const known = this.residences.get(tensor.dataId);
    if (known) return known.pointer;
    const data = this.data.get(tensor.dataId);
    const residence = this.reserve(util.sizeFromShape(tensor.shape), heapType(data.dtype));
    const view = this.viewOf(residence);
    view.set(data.values as HeapView);
    this.residences.set(tensor.dataId, residence);
    data.values = view;
    this.reuse(tensor.dataId);
    return residence.pointer;
  }

  /** A tensor in the heap with undefined contents, for a kernel to write. */
  output(shape: number[], dtype: HeapType = 'float32'): TensorInfo & { pointer: number } {
    const residence = this.reserve(util.sizeFromShape(shape), dtype);
    const dataId = this.newId();
    this.data.set(dataId, { values: this.viewOf(residence), dtype, refCount: 1 });
    this.residences.set(dataId, residence);
    return { dataId, shape, dtype, pointer: residence.pointer };
  }

  /**
   * Moves a tensor's values out of the heap into an ordinary array; {@link pointer} brings them back. The arrays are
   * reused: first use of fresh memory costs far more than the copy.
   */
  evict(tensor: TensorInfo): void {
    const residence = this.residences.get(tensor.dataId);
    if (!residence) return;
    const view = this.viewOf(residence);
    const buffer = this.spareBuffers.get(view.byteLength)?.pop() ?? new ArrayBuffer(view.byteLength);
    const values = arrayOn(buffer, residence.dtype);
    values.set(view);
    this.spillBuffers.add(buffer);
    this.evicted.set(tensor.dataId, buffer);
    this.data.get(tensor.dataId).values = values;
    this.residences.delete(tensor.dataId);
    this.heap.free(residence.pointer);
  }

  /**
   * Runs a kernel on all threads and waits for it.
   * @returns the new tensors in the order of the kernel's words; the caller owns them.
   * @throws EngineError naming the kernel when an input or a number is missing, a thread traps, or the heap is full.
   */
  run(kernel: WasmKernel, { inputs, outputs, params, tasks, scratch }: WasmRun): TensorInfo[] {
    const made: TensorInfo[] = [];
    const { words } = kernel;
    const args = new Array<number>(words.length);
    for (let i = 0; i < words.length; i++) {
      const [word, role] = words[i];
      if (role === 'input' || role === 'optional') {
        const input = inputs[word] ?? (role === 'optional' ? 0 : missing(kernel, word));
        args[i] = typeof input === 'number' ? input : this.pointer(input);
      } else if (role === 'output') {
        const output = outputs[word] ?? missing(kernel, word);
        args[i] = typeof output === 'number' ? output : this.made(output, made);
      } else {
        const value = params[word] ?? missing(kernel, word);
        args[i] = role === 'f32' ? floatWord(value) : value;
      }
    }
    try {
      this.pool.run({ module: kernel.module, kernel: kernel.name, args, tasks, scratch });
    } catch (error) {
      for (const { dataId } of made) this.disposeData(dataId);
      throw error;
    }
    return made;
  }

  /** Runs `body` with the address of `bytes` bytes, then frees them. */
  withMemory<T>(bytes: number, body: (pointer: number) => T): T {
    const pointer = this.heap.allocate(bytes);
    try {
      return body(pointer);
    } finally {
      this.heap.free(pointer);
    }
  }

  override write(values: backend_util.BackendValues, _shape: number[], dtype: DataType): DataId {
    const dataId = this.newId();
    this.data.set(dataId, { values: this.ownCopy(values), dtype, refCount: 1 });
    return dataId;
  }

  override move(
    dataId: DataId,
    values: backend_util.BackendValues,
    _shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    this.data.set(dataId, { values: this.ownCopy(values), dtype, refCount });
  }

  override readSync(dataId: DataId): backend_util.BackendValues {
    return this.ownCopy(super.readSync(dataId));
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const gone = super.disposeData(dataId, force);
    if (gone) this.reuse(dataId);
    const residence = gone && this.residences.get(dataId);
    if (residence) {
      this.residences.delete(dataId);
      this.heap.free(residence.pointer);
    }
    return gone;
  }

  override memory(): { unreliable: boolean; reasons: string[]; numBytesInHeap: number; peakBytesInHeap: number } {
    const { unreliable, reasons } = super.memory();
    return { unreliable, reasons, numBytesInHeap: this.heap.bytesInUse, peakBytesInHeap: this.heap.peakBytes };
  }

  override dispose(): void {
    this.pool.dispose();
  }

  /** Makes an output of {@link run}, adds it to the list and returns its address. */
  private made(output: Exclude<WasmRun['outputs'][string], number>, list: TensorInfo[]): number {
    const { dataId, shape, dtype, pointer } = Array.isArray(output)
      ? this.output(output)
      : this.output(output.shape, output.dtype);
    list.push({ dataId, shape, dtype });
    return pointer;
  }

  /** Keeps the array of a tensor that came back, for the next one of its size. */
  private reuse(dataId: DataId): void {
    const buffer = this.evicted.get(dataId);
    if (!buffer) return;
    this.evicted.delete(dataId);
    const spare = this.spareBuffers.get(buffer.byteLength) ?? [];
    spare.push(buffer);
    this.spareBuffers.set(buffer.byteLength, spare);
  }

  private newId(): DataId {
    return { id: WasmBackend.nextId++ };
  }

  private reserve(length: number, dtype: HeapType): Residence {
    return { pointer: this.heap.allocate(length * bytesPerElement(dtype)), length, dtype };
  }

  private viewOf({ pointer, length, dtype }: Residence): HeapView {
    return this.heap.view(pointer, length, dtype);
  }

  /**
   * Copies values that may outlive their tensor: memory of heap tensors and evicted ones is reused. Views must not
   * escape: tfjs's Slice returns a part of its input's array, and a reader may keep what it read.
   */
  private ownCopy(values: backend_util.BackendValues): backend_util.BackendValues {
    const shared = this.heap.owns(values) || this.spillBuffers.has((values as HeapView).buffer as ArrayBuffer);
    return shared ? (values as HeapView).slice() : values;
  }
}

/** The engine's backend, as passed to a kernel of `arena-wasm`. */
export function wasmBackend(backend: KernelBackend): WasmBackend {
  if (backend instanceof WasmBackend) return backend;
  throw new Error("a kernel of engine 'wasm' was called with the backend of another engine");
}

function missing({ module, name }: WasmKernel, word: string): never {
  throw new Error(`${module.name} wasm kernel '${name}': '${word}' is missing`);
}

function arrayOn(buffer: ArrayBuffer, dtype: HeapType): HeapView {
  if (dtype === 'int32') return new Int32Array(buffer);
  return dtype === 'bool' ? new Uint8Array(buffer) : new Float32Array(buffer);
}

function heapType(dtype: DataType): HeapType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new EngineError(
    'tensor',
    `a tensor of ${dtype} cannot lie in the wasm engine's memory; cast it to float32 or int32`,
  );
}
