/**
 * @file Launches WGSL kernels on the device, buffers and command encoder of tfjs's WebGPU backend, in order with tfjs's
 * own ops. Bind group layouts are explicit; pipelines, bind groups and uniform buffers are cached.
 */

import {
  type backend_util,
  type DataId,
  type DataType,
  type KernelBackend,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import { setAbilities } from '../abilities.js';
import { EngineError } from '../error.js';
import type { OpTime } from '../op-time.js';
import { DeviceLostError } from './device.js';
import type { GpuKernel } from './kernel.js';
import { defaultTiles, type GpuTiles } from './tile.js';
import { KernelTimes } from './timestamps.js';
import { UniformBuffers } from './uniforms.js';
import { WordMap } from './word-map.js';

/** Dispatches in one submit: long enough to be cheap, short enough for a desktop's watchdog. */
const SUBMIT_EVERY = 32;

/** Frees spare buffers when all buffers together exceed this multiple of the peak use, plus this many bytes. */
const SPARE_FACTOR = 1.25;
const SPARE_BYTES = 16 * 2 ** 20;

/** Most cached bind groups. Beyond, all are dropped. */
const MOST_GROUPS = 8192;

const COMPUTE_STAGE = 0x4; // GPUShaderStage.COMPUTE

/** Private parts of tfjs-backend-webgpu 4.22 that launching needs. The self-test notices changes. */
interface BackendInternals {
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  dispatchCountInPass: number;
}

interface BufferManagerInternals {
  freeBuffers: Map<string, GPUBuffer[]>;
  numFreeBuffers: number;
  numBytesAllocated: number;
  numBytesUsed: number;
}

/** One launch. */
export interface Launch {
  /** Tensors by the kernel's input names. */
  inputs: { [name: string]: TensorInfo };
  /**
   * By the kernel's output names: the shape of a new float32 tensor, shape and type, or a tensor that is written in
   * place.
   */
  outputs: { [name: string]: number[] | { shape: number[]; dtype: DataType } | TensorInfo };
  /** By the kernel's parameter names. Values of `u32` and `i32` are taken modulo 2^32. */
  params: { [name: string]: number };
  /** Workgroups along x, y, z. See {@link spread} for long rows of them. */
  groups: number[];
}

interface Pipeline {
  id: number;
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
  constants?: GPUBuffer;
}

/** The used part of tfjs's WebGPUBackend. Its package is optional, so no public type names it. */
export interface GpuBackend {
  readonly device: GPUDevice;
  readonly bufferManager: object;
  readonly tensorMap: { get(dataId: DataId): { resource?: object; values?: backend_util.BackendValues | null } };
  makeTensorInfo(shape: number[], dtype: DataType): TensorInfo;
  uploadToGPU(dataId: DataId): void;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** Launches kernels on one device. */
export class Launcher {
  private readonly pipelines = new Map<GpuKernel, Pipeline>();
  private readonly layouts = new Map<string, GPUBindGroupLayout>();
  /** By pipeline and buffers. */
  private readonly bindGroups = new WordMap<GPUBindGroup>();
  private readonly uniforms: UniformBuffers;
  /** Limits of the device, read once: each read is a call into it. */
  private readonly most: { binding: number; workgroups: number };
  private readonly bufferIds = new WeakMap<GPUBuffer, number>();
  private nextBufferId = 0;
  private failure: Error | undefined;
  /** Checks of new pipelines that are under way. */
  private compiling: Promise<void>[] = [];
  private mostUsed = 0;
  private mostAllocated = 0;
  /** Set while kernels are timed. */
  times: KernelTimes | undefined;
  /** Whether kernels may use subgroups: device and WGSL support them. */
  readonly subgroups: boolean;
  /** Tiles of matrix products, by form. */
  tiles: GpuTiles;
  /** Whether tiles of weights and activations hold half precision. */
  f16 = false;

  constructor(
    readonly backend: GpuBackend,
    /** The adapter is software: it compiles slowly, constant loops most of all. */
    readonly software = false,
  ) {
    const { device } = backend;
    const { maxStorageBufferBindingSize, maxBufferSize, maxComputeWorkgroupsPerDimension } = device.limits;
    this.most = {
      binding: Math.min(maxStorageBufferBindingSize, maxBufferSize),
      workgroups: maxComputeWorkgroupsPerDimension,
    };
    this.uniforms = new UniformBuffers(device, () => {
      this.flush();
      this.bindGroups.clear();
    });
    this.tiles = defaultTiles(software);
    this.subgroups =
      device.features.has('subgroups') && navigator.gpu.wgslLanguageFeatures?.has('subgroup_id') === true;
    // WebGPU reports errors after the call, and drops the whole submit
    device.addEventListener('uncapturederror', ({ error }) => this.fail(error));
    void device.lost.then(({ reason, message }) => {
      this.failure =
        reason === 'destroyed'
          ? new EngineError('closed', "engine 'webgpu' is closed: open it again")
          : new DeviceLostError(
              `engine 'webgpu': the GPU device was lost (${message || reason}) and its tensors with it`,
            );
    });
  }

  /** @throws the first error that the device has reported. */
  check(): void {
    if (this.failure) throw this.failure;
  }

  /** Waits until the device has said whether new pipelines are valid: its error events may come after a read. */
  async compiled(): Promise<void> {
    await Promise.all(this.compiling.splice(0));
  }

  /**
   * Records a launch without waiting.
   * @returns the outputs in the kernel's order; the caller owns the new ones.
   * @throws EngineError for a buffer or grid beyond the device's limits; Error for a tensor that is both read and
   * written, or when an earlier launch failed.
   */
  run(kernel: GpuKernel, { inputs, outputs, params, groups }: Launch): TensorInfo[] {
    this.check();
    const { backend } = this;
    const written = kernel.outputs.map((name) => this.output(outputs[name]));
    const empty = written.filter(({ shape }) => util.sizeFromShape(shape) === 0);
    for (const { dataId, dtype } of empty) {
      backend.tensorMap.get(dataId).values = util.getTypedArrayFromDType(dtype as 'float32', 0);
    }
    if (empty.length || groups.includes(0)) return written;
    const pipeline = this.pipeline(kernel);
    const read = kernel.inputs.map((name) => this.buffer(kernel, name, inputs[name]));
    const target = kernel.outputs.map((name, i) => this.buffer(kernel, name, written[i]));
    for (const [i, buffer] of target.entries()) {
      if (read.includes(buffer) || target.indexOf(buffer) !== i) {
        throw new Error(`kernel ${kernel.name}: '${kernel.outputs[i]}' is written while it is bound a second time`);
      }
      // drops tfjs's copy on the host: it is outdated
      backend.tensorMap.get(written[i].dataId).values = null as never;
    }
    const { workgroups } = this.most;
    if (groups.some((count) => count > workgroups)) {
      throw new EngineError(
        'limit',
        `kernel ${kernel.name}: ${groups} workgroups, the device allows ${workgroups} along an axis`,
      );
    }
    this.mostUsed = Math.max(this.mostUsed, this.manager.numBytesUsed);
    this.mostAllocated = Math.max(this.mostAllocated, this.manager.numBytesAllocated);
    const group = this.bindGroup(pipeline, [...read, ...target, this.uniforms.of(kernel, params)]);
    const internals = backend as unknown as BackendInternals;
    backend.ensureCommandEncoderReady();
    if (this.times) {
      backend.endComputePassEncoder();
      const timestampWrites = this.times.writes(kernel.name);
      internals.computePassEncoder = internals.commandEncoder!.beginComputePass({ timestampWrites });
    }
    internals.computePassEncoder ??= internals.commandEncoder!.beginComputePass();
    const pass = internals.computePassEncoder;
    pass.setPipeline(pipeline.pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(groups[0], groups[1], groups[2]);
    if (this.times) backend.endComputePassEncoder();
    // The queue does not own the buffers: a disposed one may be reused at once, since every later use
    // is recorded after this dispatch.
    if (++internals.dispatchCountInPass >= SUBMIT_EVERY) this.flush();
    return written;
  }

  /**
   * Times every kernel from now on by the GPU's clock.
   * @throws EngineError when the device has no timestamps; Error when kernels are timed already.
   */
  startTimes(): void {
    if (this.times) throw new Error("engine 'webgpu' is being timed already");
    this.flush();
    this.times = new KernelTimes(this.backend.device);
  }

  /** Ends {@link Launcher.startTimes}. @returns calls and time by kernel name. */
  async stopTimes(): Promise<ReadonlyMap<string, OpTime>> {
    this.flush();
    const { times } = this;
    this.times = undefined;
    return (await times?.stop()) ?? new Map();
  }

  /** Submits the recorded launches. */
  flush(): void {
    this.backend.ensureCommandEncoderReady();
    this.backend.endComputePassEncoder();
    this.backend.submitQueue();
  }

  /**
   * Frees spare buffers when there are many: tfjs's pool keys on the exact size, so every new batch length adds
   * buffers. Runs at each read, between two passes. A run over batches of one length frees nothing.
   */
  settle(): void {
    const { manager, mostUsed } = this;
    if (manager.numBytesAllocated <= SPARE_FACTOR * mostUsed + SPARE_BYTES) return;
    this.trim(Math.max(0, mostUsed - manager.numBytesUsed));
  }

  /** Frees unused buffers, down to `keepBytes`. */
  trim(keepBytes = 0): void {
    this.flush(); // destroying a buffer before the submit that uses it invalidates the submit
    const { manager } = this;
    let kept = 0;
    for (const list of manager.freeBuffers.values()) {
      const rest = list.filter((buffer) => {
        if (kept + buffer.size <= keepBytes) {
          kept += buffer.size;
          return true;
        }
        buffer.destroy();
        manager.numFreeBuffers--;
        manager.numBytesAllocated -= buffer.size;
        return false;
      });
      list.splice(0, list.length, ...rest);
    }
    this.bindGroups.clear();
  }

  /** Peak bytes of buffers: in use, and including spare ones. */
  get peak(): { used: number; allocated: number } {
    return { used: this.mostUsed, allocated: this.mostAllocated };
  }

  private fail({ message }: GPUError): void {
    this.failure ??= new EngineError('kernel', `engine 'webgpu': ${message}`);
  }

  private get manager(): BufferManagerInternals {
    return this.backend.bufferManager as unknown as BufferManagerInternals;
  }

  private output(output: Launch['outputs'][string]): TensorInfo {
    if (Array.isArray(output)) return this.backend.makeTensorInfo(output, 'float32');
    return 'dataId' in output ? output : this.backend.makeTensorInfo(output.shape, output.dtype);
  }

  private buffer(kernel: GpuKernel, name: string, tensor: TensorInfo | undefined): GPUBuffer {
    if (!tensor) throw new Error(`kernel ${kernel.name}: input '${name}' is missing`);
    const { binding: most } = this.most;
    const bytes = 4 * util.sizeFromShape(tensor.shape);
    if (bytes > most) {
      throw new EngineError(
        'limit',
        `kernel ${kernel.name}: '${name}' [${tensor.shape}] takes ${bytes} bytes, this device binds ${most} at most; ` +
          'lower the tokens of a batch',
      );
    }
    this.backend.uploadToGPU(tensor.dataId);
    return this.backend.tensorMap.get(tensor.dataId).resource as GPUBuffer;
  }

  private pipeline(kernel: GpuKernel): Pipeline {
    const known = this.pipelines.get(kernel);
    if (known) return known;
    const { device } = this.backend;
    device.pushErrorScope('validation');
    const layout = this.layout(kernel.inputs.length, kernel.outputs.length, kernel.constants !== undefined);
    const module = device.createShaderModule({ code: kernel.code, label: kernel.name });
    const pipeline = device.createComputePipeline({
      label: kernel.name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module },
    });
    const check = device.popErrorScope().then((error) => void (error && this.fail(error)));
    this.compiling.push(check.catch(() => {})); // a lost device says so itself
    const constants = kernel.constants && this.uniforms.make(kernel.constants);
    const made = { id: this.pipelines.size, pipeline, layout, constants };
    this.pipelines.set(kernel, made);
    return made;
  }

  /** Never `auto`: it omits unused bindings and silently invalidates a bind group. */
  private layout(inputs: number, outputs: number, constants: boolean): GPUBindGroupLayout {
    const key = `${inputs} ${outputs} ${constants}`;
    let layout = this.layouts.get(key);
    if (!layout) {
      const types: GPUBufferBindingType[] = [
        ...Array<GPUBufferBindingType>(inputs).fill('read-only-storage'),
        ...Array<GPUBufferBindingType>(outputs).fill('storage'),
        ...Array<GPUBufferBindingType>(constants ? 2 : 1).fill('uniform'),
      ];
      const entries = types.map((type, binding) => ({ binding, visibility: COMPUTE_STAGE, buffer: { type } }));
      layout = this.backend.device.createBindGroupLayout({ entries });
      this.layouts.set(key, layout);
    }
    return layout;
  }

  private bindGroup({ id, layout, constants }: Pipeline, buffers: GPUBuffer[]): GPUBindGroup {
    const key = new Uint32Array(buffers.length + 1);
    key[0] = id;
    for (let i = 0; i < buffers.length; i++) key[i + 1] = this.bufferId(buffers[i]);
    let group = this.bindGroups.get(key);
    if (!group) {
      if (this.bindGroups.size >= MOST_GROUPS) this.bindGroups.clear();
      const all = constants ? [...buffers, constants] : buffers;
      const entries = all.map((buffer, binding) => ({ binding, resource: { buffer } }));
      group = this.backend.device.createBindGroup({ layout, entries });
      this.bindGroups.add(key, group);
    }
    return group;
  }

  private bufferId(buffer: GPUBuffer): number {
    let id = this.bufferIds.get(buffer);
    if (id === undefined) {
      id = this.nextBufferId++;
      this.bufferIds.set(buffer, id);
    }
    return id;
  }
}

const launchers = new WeakMap<object, Launcher>();

/** Registers the launcher of an open backend. */
export function setLauncher(backend: object, launcher: Launcher): void {
  launchers.set(backend, launcher);
  setAbilities(backend, { times: launcher });
}

/** The launcher of a kernel's backend. */
export function gpuLauncher(backend: KernelBackend): Launcher {
  const launcher = launchers.get(backend);
  if (!launcher) throw new Error("a kernel of engine 'webgpu' was called with the backend of another engine");
  return launcher;
}

/** `count` workgroups as a grid with at most 65,535 along each axis. The body must skip the surplus. */
export function spread(count: number): number[] {
  const rows = Math.ceil(count / 65535);
  return rows <= 1 ? [count] : [Math.ceil(count / rows), rows];
}
