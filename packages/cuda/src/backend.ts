/**
 * @file The tfjs backend of engine `cuda`: tensors are blocks of device memory; booleans take four bytes there. Small
 * uploads also stay on the host, and go to the device when a kernel first reads them. A read waits only for its own
 * tensor.
 */
import { EngineError } from '@arena/runtime';
import { setCudaLauncher } from '@arena/runtime/cuda';
import {
  type backend_util,
  buffer,
  type DataId,
  DataStorage,
  type DataType,
  engine,
  KernelBackend,
  type Rank,
  type TensorBuffer,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { Bf16Store } from './bf16-store.js';
import type { Context } from './context.js';
import { Launcher } from './launcher.js';

type Words = Float32Array | Int32Array;

interface Stored {
  dtype: DataType;
  length: number;
  refCount: number;
  /** Address on the device, once uploaded. */
  pointer?: number;
  /** Address of its values in bfloat16, instead of `pointer`. */
  rounded?: number;
  /** The uploaded values, until a kernel writes the tensor. */
  values?: Words;
}

/** Largest upload that stays on the host, in values. */
const MOST_KEPT = 1024;

/** tfjs backend `arena-cuda`. */
export class CudaBackend extends KernelBackend {
  private static nextId = 0;
  private readonly data: DataStorage<Stored>;
  readonly launcher: Launcher;
  private readonly bf16: Bf16Store;

  constructor(readonly context: Context) {
    super();
    this.data = new DataStorage(this, engine());
    this.launcher = new Launcher(this);
    this.bf16 = new Bf16Store(context);
    setCudaLauncher(this, this.launcher);
  }

  /** Address of a tensor's values on the device. Uploads them if needed. 0 for an empty tensor. */
  pointer({ dataId }: TensorInfo): number {
    const stored = this.data.get(dataId);
    this.widen(stored);
    if (stored.pointer === undefined && stored.length) {
      stored.pointer = this.context.allocator.allocate(4 * stored.length);
      if (stored.values) this.context.upload(stored.pointer, stored.values);
    }
    return stored.pointer ?? 0;
  }

  /** A tensor with undefined contents, for a kernel to write. */
  output(shape: number[], dtype: DataType = 'float32'): TensorInfo {
    const length = util.sizeFromShape(shape);
    const pointer = length ? this.context.allocator.allocate(4 * length) : undefined;
    const dataId = this.enter({ dtype: checked(dtype), length, refCount: 1, pointer });
    return { dataId, shape, dtype };
  }

  /** Keeps a large float32 tensor in half its memory, rounded to bfloat16, until it is used next. */
  halve({ dataId }: TensorInfo): void {
    const stored = this.data.get(dataId);
    const { dtype, pointer, length } = stored;
    if (dtype !== 'float32' || pointer === undefined || length <= MOST_KEPT || !this.bf16.takes(length)) return;
    stored.rounded = this.bf16.round(pointer, length);
    stored.pointer = undefined;
  }

  /** Marks a tensor as written by a kernel: drops its copy on the host. */
  written({ dataId }: TensorInfo): void {
    this.data.get(dataId).values = undefined;
  }

  /** The same values as another tensor, in the same memory. */
  alias(tensor: TensorInfo, shape = tensor.shape): TensorInfo {
    this.incRef(tensor.dataId);
    return this.launcher.track({ dataId: tensor.dataId, shape, dtype: tensor.dtype });
  }

  /** Values of a tensor that are on the host already, such as a scalar's. */
  hostValues({ dataId }: TensorInfo): Words | undefined {
    return this.data.get(dataId).values;
  }

  override write(values: backend_util.BackendValues, shape: number[], dtype: DataType): DataId {
    return this.enter(this.store(values, util.sizeFromShape(shape), dtype, 1));
  }

  override move(
    dataId: DataId,
    values: backend_util.BackendValues,
    shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    this.data.set(dataId, this.store(values, util.sizeFromShape(shape), dtype, refCount));
  }

  /** @throws CudaError when a kernel has failed. */
  override async read(dataId: DataId): Promise<backend_util.BackendValues> {
    const stored = this.data.get(dataId);
    this.widen(stored);
    if (stored.values || stored.pointer === undefined)
      return hostForm(stored.values ?? words(stored), stored.dtype, true);
    stored.refCount++; // keeps its memory from reuse until then
    try {
      return hostForm(await this.context.download(stored.pointer, words(stored)), stored.dtype, false);
    } finally {
      this.disposeData(dataId);
    }
  }

  /** @throws CudaError when a kernel has failed. */
  override readSync(dataId: DataId): backend_util.BackendValues {
    const stored = this.data.get(dataId);
    this.widen(stored);
    if (stored.values || stored.pointer === undefined)
      return hostForm(stored.values ?? words(stored), stored.dtype, true);
    return hostForm(this.context.downloadSync(stored.pointer, words(stored)), stored.dtype, false);
  }

  /** The values in tfjs's own form, for its host code. */
  bufferSync<R extends Rank, D extends DataType>({ dataId, shape, dtype }: TensorInfo): TensorBuffer<R, D> {
    return buffer(shape as never, dtype, this.readSync(dataId) as never) as unknown as TensorBuffer<R, D>;
  }

  override disposeData(dataId: DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const stored = this.data.get(dataId);
    if (--stored.refCount > 0 && !force) return false;
    const pointer = stored.pointer ?? stored.rounded;
    if (pointer !== undefined) this.context.allocator.free(pointer);
    this.data.delete(dataId);
    return true;
  }

  override numDataIds(): number {
    return this.data.numDataIds();
  }

  override refCount(dataId: DataId): number {
    return this.data.has(dataId) ? this.data.get(dataId).refCount : 0;
  }

  override incRef(dataId: DataId): void {
    this.data.get(dataId).refCount++;
  }

  decRef(dataId: DataId): void {
    if (this.data.has(dataId)) this.data.get(dataId).refCount--;
  }

  /** Bytes of device memory: in use, held (in use or kept for later), and the most that were in use at once. */
  override memory(): {
    unreliable: boolean;
    numBytesInGPU: number;
    numBytesAllocatedInGPU: number;
    peakBytesInGPU: number;
  } {
    const { bytesInUse, bytesHeld, peakBytes } = this.context.allocator;
    return {
      unreliable: false,
      numBytesInGPU: bytesInUse,
      numBytesAllocatedInGPU: bytesHeld,
      peakBytesInGPU: peakBytes,
    };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override timerAvailable(): boolean {
    return false;
  }

  override dispose(): void {
    this.launcher.closeCublasLt();
    this.context.close();
  }

  /** Widens a halved tensor to float32. */
  private widen(stored: Stored): void {
    if (stored.rounded === undefined) return;
    stored.pointer = this.bf16.widen(stored.rounded, stored.length);
    stored.rounded = undefined;
  }

  private enter(stored: Stored): DataId {
    const dataId = { id: CudaBackend.nextId++ };
    this.data.set(dataId, stored);
    return dataId;
  }

  /** Copies: the caller may change its array afterwards. */
  private store(values: backend_util.BackendValues, length: number, dtype: DataType, refCount: number): Stored {
    const stored: Stored = { dtype: checked(dtype), length, refCount };
    if (!values || !length) return stored;
    const given = deviceForm(values, dtype);
    if (length <= MOST_KEPT) return { ...stored, values: given === values ? given.slice() : given };
    stored.pointer = this.context.allocator.allocate(4 * length);
    this.context.upload(stored.pointer, given);
    return stored;
  }
}

/** The engine's backend, as a kernel registered for `arena-cuda` gets it. */
export function cudaBackend(backend: KernelBackend): CudaBackend {
  if (backend instanceof CudaBackend) return backend;
  throw new Error("a kernel of engine 'cuda' was called with the backend of another engine");
}

function checked(dtype: DataType): DataType {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new EngineError('tensor', `a tensor of ${dtype} cannot lie on engine 'cuda'; cast it to float32 or int32`);
}

function words({ dtype, length }: Stored): Words {
  return dtype === 'float32' ? new Float32Array(length) : new Int32Array(length);
}

function deviceForm(values: backend_util.BackendValues, dtype: DataType): Words {
  if (dtype === 'float32')
    return values instanceof Float32Array ? values : Float32Array.from(values as unknown as ArrayLike<number>);
  return values instanceof Int32Array ? values : Int32Array.from(values as unknown as ArrayLike<number>);
}

function hostForm(values: Words, dtype: DataType, shared: boolean): backend_util.BackendValues {
  if (dtype === 'bool') return Uint8Array.from(values);
  return shared ? values.slice() : values;
}
