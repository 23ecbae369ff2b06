/** @file Launches declared kernels on the tensors of a backend. */

import { EngineError } from '@arena/runtime';
import type { CudaKernel, CudaLaunch, CudaLauncher, CudaScalar } from '@arena/runtime/cuda';
import type { OpTime } from '@arena/runtime/op';
import { type TensorInfo, util } from '@tensorflow/tfjs-core';
import type { CudaBackend } from './backend.js';
import { type CublasLt, openCublasLt } from './cublas-lt.js';
import { hasWgmma } from './device.js';
import { CudaError } from './error.js';
import type { HostBlock } from './host-block.js';
import { KernelTimes } from './kernel-times.js';

/** Most arguments of a launch: pointers to slots, then the slots. The driver copies them before it returns. */
const MOST_ARGUMENTS = 48;
const SLOT = 32;
/** The kernels' 32-bit indices reach no further than this. */
const MOST_VALUES = 2 ** 32 - 1;
const MOST_BLOCKS = [2 ** 31 - 1, 65535, 65535];

/** The launcher of one backend. */
export class Launcher implements CudaLauncher {
  bf16 = false;
  readonly wgmma: boolean;
  cublasLt?: CublasLt;
  readonly multiprocessors: number;
  readonly blockSharedBytes: number;
  private readonly block: HostBlock;
  private readonly slots: DataView;
  private readonly tables = new WeakMap<Float32Array, number>();
  /** Tensors made within the open scopes. */
  private readonly scopes: TensorInfo[][] = [];

  constructor(private readonly backend: CudaBackend) {
    this.wgmma = hasWgmma(backend.context.driver, backend.context.device);
    this.multiprocessors = backend.context.device.multiprocessors;
    this.blockSharedBytes = backend.context.device.blockSharedBytes;
    this.block = backend.context.pin(MOST_ARGUMENTS * (8 + SLOT));
    const { buffer, byteOffset } = this.block.bytes;
    this.slots = new DataView(buffer, byteOffset);
    for (let i = 0; i < MOST_ARGUMENTS; i++) {
      this.slots.setBigUint64(8 * i, BigInt(this.block.pointer + slotOf(i)), true);
    }
  }

  run(kernel: CudaKernel, { inputs, outputs, params, grid }: CudaLaunch): TensorInfo[] {
    const { context } = this.backend;
    context.check();
    const written: TensorInfo[] = [];
    const made: TensorInfo[] = [];
    try {
      let empty = false;
      for (const name of kernel.outputs) {
        const tensor = this.output(outputs[name], made);
        if (util.sizeFromShape(tensor.shape) === 0) empty = true;
        written.push(tensor);
      }
      for (const blocks of grid) if (blocks === 0) empty = true;
      if (!empty) this.launch(kernel, inputs, written, params, grid);
    } catch (error) {
      for (const { dataId } of made) this.backend.disposeData(dataId);
      throw error;
    }
    for (const tensor of made) this.track(tensor);
    return written;
  }

  private launch(
    kernel: CudaKernel,
    inputs: CudaLaunch['inputs'],
    written: readonly TensorInfo[],
    params: CudaLaunch['params'],
    grid: readonly number[],
  ): void {
    let count = 0;
    for (const name of kernel.inputs) this.address(count++, this.input(kernel, name, inputs[name]));
    for (const name of kernel.optional) {
      this.address(count++, inputs[name] ? this.input(kernel, name, inputs[name]) : 0);
    }
    for (const tensor of written) {
      this.backend.written(tensor);
      this.address(count++, this.backend.pointer(tensor));
    }
    for (const [name, type] of kernel.params) this.number(kernel, name, type, params[name], slotOf(count++));
    for (let axis = 0; axis < grid.length; axis++) {
      if (grid[axis] <= MOST_BLOCKS[axis]) continue;
      throw new EngineError(
        'limit',
        `kernel ${kernel.name}: a grid of ${grid.join(' x ')} blocks, CUDA allows ${MOST_BLOCKS.join(' x ')}`,
      );
    }
    this.backend.context.launch(kernel, grid, this.block.pointer);
  }

  /** Writes an address into a slot as two words: a BigInt would take longer than the launch. */
  private address(slot: number, pointer: number): void {
    const at = slotOf(slot);
    this.slots.setUint32(at, pointer % 2 ** 32, true);
    this.slots.setUint32(at + 4, pointer / 2 ** 32, true);
  }

  halve(tensor: TensorInfo): void {
    this.backend.halve(tensor);
  }

  startTimes(): void {
    const { context } = this.backend;
    if (context.times) throw new Error("engine 'cuda' is being timed already");
    context.times = new KernelTimes(context.driver, context.stream);
  }

  async stopTimes(): Promise<ReadonlyMap<string, OpTime>> {
    const { context } = this.backend;
    const { times } = context;
    context.times = undefined;
    return times?.stop() ?? new Map();
  }

  /** Uses cuBLASLt for large products, where it is installed. */
  openCublasLt(): void {
    this.cublasLt ??= openCublasLt(this.backend);
  }

  closeCublasLt(): void {
    this.cublasLt?.close();
    this.cublasLt = undefined;
  }

  scope(body: () => TensorInfo[]): TensorInfo[] {
    const made: TensorInfo[] = [];
    this.scopes.push(made);
    let kept: TensorInfo[] = [];
    try {
      kept = body();
    } finally {
      this.scopes.pop();
      const ids = kept.map(({ dataId }) => dataId);
      for (const tensor of made) {
        const at = ids.indexOf(tensor.dataId);
        if (at < 0) this.backend.disposeData(tensor.dataId);
        else {
          ids.splice(at, 1);
          this.track(tensor);
        }
      }
    }
    return kept;
  }

  /** Registers a tensor with the open scope, which frees it unless the scope returns it. */
  track(tensor: TensorInfo): TensorInfo {
    this.scopes[this.scopes.length - 1]?.push(tensor);
    return tensor;
  }

  private output(output: CudaLaunch['outputs'][string], made: TensorInfo[]): TensorInfo {
    if ('dataId' in output) return output;
    const tensor = Array.isArray(output)
      ? this.backend.output(output)
      : this.backend.output(output.shape, output.dtype);
    made.push(tensor);
    return tensor;
  }

  private input(kernel: CudaKernel, name: string, input: TensorInfo | Float32Array | undefined): number {
    if (!input) throw new Error(`kernel ${kernel.name}: input '${name}' is missing`);
    if (input instanceof Float32Array) return this.table(input);
    if (util.sizeFromShape(input.shape) > MOST_VALUES) {
      throw new EngineError(
        'limit',
        `kernel ${kernel.name}: '${name}' [${input.shape}] has more than ${MOST_VALUES} values`,
      );
    }
    return this.backend.pointer(input);
  }

  /** Address of a table on the device. It lives as long as the engine. */
  private table(values: Float32Array): number {
    let pointer = this.tables.get(values);
    if (pointer === undefined) {
      pointer = this.backend.context.allocator.allocate(values.byteLength);
      this.backend.context.upload(pointer, values);
      this.tables.set(values, pointer);
    }
    return pointer;
  }

  private number(
    kernel: CudaKernel,
    name: string,
    type: CudaScalar,
    value: CudaLaunch['params'][string],
    at: number,
  ): void {
    if (value === undefined) throw new Error(`kernel ${kernel.name}: number '${name}' is missing`);
    if (type === 'i32x6') {
      const list = value as readonly number[];
      if (list.length > 6)
        throw new CudaError(`kernel ${kernel.name}: '${name}' has ${list.length} axes, 6 are the most`);
      for (let i = 0; i < 6; i++) this.slots.setInt32(at + 4 * i, list[i] ?? 0, true);
    } else if (type === 'f32') this.slots.setFloat32(at, value as number, true);
    else this.slots.setInt32(at, value as number, true);
  }
}

function slotOf(i: number): number {
  return MOST_ARGUMENTS * 8 + i * SLOT;
}
