/** @file Opens engine `cuda`: driver, device, kernels and tfjs backend. */
import { BACKEND_OF } from '@arena/runtime/engine';
import { findBackend, registerBackend, removeBackend, setBackend } from '@tensorflow/tfjs-core';
import { CudaBackend } from './backend.js';
import { roundToStore } from './bf16-store.js';
import { Context, type ContextOptions } from './context.js';
import { type CudaDevice, chooseDevice, listDevices } from './device.js';
import { openDriver } from './driver.js';
import { registerPlainKernels } from './plain/register.js';

const CUDA_BACKEND = BACKEND_OF.cuda;

/** The GPU, its memory budget, and the precision. */
export interface CudaOptions extends ContextOptions {
  /**
   * true: products of large matrices, and attention, round their factors to bfloat16 and run on tensor cores, with sums
   * in float32. Results then have about three right digits instead of seven (default: false).
   */
  bf16?: boolean;
  /**
   * false: large products with `bf16` use the engine's own kernels even where NVIDIA's cuBLASLt is installed (default:
   * true).
   */
  cublasLt?: boolean;
  /** Number of the GPU among those that CUDA_VISIBLE_DEVICES leaves (default: the first that is new enough). */
  device?: number;
}

/** An open engine. */
export interface OpenCuda {
  backend: CudaBackend;
  device: CudaDevice;
}

/**
 * Makes `arena-cuda` tfjs's current backend. It reuses an open engine unless the options name another device: the new
 * options then apply to it, and its `modules` grow.
 * @throws CudaError saying what is missing (koffi, the driver, a GPU that is new enough) or what the driver refused.
 * @example
 * const { backend, device } = await openCuda({ budget: 8e9, bf16: true });
 * console.log(device.name, tf.memory());
 * await closeCuda(backend);
 */
export async function openCuda(options: CudaOptions = {}): Promise<OpenCuda> {
  const open = findBackend(CUDA_BACKEND) as CudaBackend | null;
  if (open && (options.device ?? open.context.device.ordinal) === open.context.device.ordinal && works(open)) {
    open.context.addKernels(options.modules ?? []);
    open.context.allocator.budget = options.budget ?? Number.POSITIVE_INFINITY;
    configure(open, options);
    await setBackend(CUDA_BACKEND);
    return { backend: open, device: open.context.device };
  }
  if (open) removeBackend(CUDA_BACKEND);
  const driver = await openDriver();
  const device = chooseDevice(listDevices(driver), options.device);
  const backend = new CudaBackend(new Context(driver, device, roundToStore, options));
  try {
    configure(backend, options);
  } catch (error) {
    backend.dispose();
    throw error;
  }
  const close = () => backend.context.close();
  process.once('exit', close);
  closers.set(backend, close);
  registerPlainKernels(CUDA_BACKEND);
  registerBackend(CUDA_BACKEND, () => backend);
  await setBackend(CUDA_BACKEND);
  return { backend, device };
}

function configure({ launcher }: CudaBackend, { bf16 = false, cublasLt = true }: CudaOptions): void {
  launcher.bf16 = bf16;
  if (bf16 && cublasLt) launcher.openCublasLt();
  else launcher.closeCublasLt();
}

/** Cleanup at the end of the process. */
const closers = new WeakMap<CudaBackend, () => void>();

function works({ context }: CudaBackend): boolean {
  try {
    context.check();
    context.synchronize();
    return true;
  } catch {
    return false;
  }
}

/** Ends an engine that {@link openCuda} opened. Tensors on it are lost. */
export async function closeCuda(backend: CudaBackend): Promise<void> {
  const close = closers.get(backend);
  if (close) process.removeListener('exit', close);
  if (findBackend(CUDA_BACKEND) === backend) {
    removeBackend(CUDA_BACKEND); // disposes of it
    await setBackend('cpu');
  } else backend.dispose();
}
