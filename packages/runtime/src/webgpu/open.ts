/** @file Opens engine `webgpu`: device, tfjs backend, and a self-test of the private parts of tfjs in use. */

import type * as TfjsWebgpu from '@tensorflow/tfjs-backend-webgpu';
import {
  copyRegisteredKernels,
  engine,
  findBackend,
  getKernel,
  Identity,
  mul,
  registerBackend,
  removeBackend,
  setBackend,
  type Tensor,
  tensor1d,
} from '@tensorflow/tfjs-core';
import type { WebgpuOptions } from '../engine.js';
import { EngineError } from '../error.js';
import { BACKEND_OF } from '../op.js';
import { type LoudWebGPUBackend, loudBackend } from './backend.js';
import { describeAdapter, requestGpuDevice } from './device.js';
import { gpuKernel } from './kernel.js';
import { storedTiles } from './tile-cache.js';

const WEBGPU_BACKEND = BACKEND_OF.webgpu;

export interface OpenWebgpu {
  backend: LoudWebGPUBackend;
  /** Name of the adapter. */
  device: string;
  /** Requested options that are not available. */
  notes: string[];
}

/**
 * Makes `arena-webgpu` tfjs's current backend. It reuses an open engine, and replaces one with a lost device.
 * @param tfjs tfjs's backend for WebGPU, an optional peer.
 * @param hardware Refuses an adapter that computes on the CPU.
 * @throws EngineError when there is no WebGPU, no adapter or no device, or when the self-test fails.
 */
export async function openWebgpu(
  tfjs: typeof TfjsWebgpu,
  { f16 = false }: WebgpuOptions = {},
  hardware = false,
): Promise<OpenWebgpu> {
  const backend = await openBackend(tfjs, hardware);
  const offered = backend.device.features.has('shader-f16');
  backend.launcher.f16 = f16 && offered;
  const notes = f16 && !offered ? ['this device computes in float32 alone: there is no half precision'] : [];
  return { backend, device: names.get(backend)!, notes };
}

async function openBackend(tfjs: typeof TfjsWebgpu, hardware: boolean): Promise<LoudWebGPUBackend> {
  const open = findBackend(WEBGPU_BACKEND) as LoudWebGPUBackend | null;
  if (open && !isBroken(open)) {
    await setBackend(WEBGPU_BACKEND);
    return open;
  }
  if (open) removeBackend(WEBGPU_BACKEND);
  const { device, info } = await requestGpuDevice(hardware);
  const backend = loudBackend(tfjs, device, info);
  if (!getKernel(Identity, WEBGPU_BACKEND)) copyRegisteredKernels('webgpu', WEBGPU_BACKEND);
  registerBackend(WEBGPU_BACKEND, () => backend);
  await setBackend(WEBGPU_BACKEND);
  names.set(backend, describeAdapter(info));
  backend.launcher.tiles = storedTiles(backend.launcher) ?? backend.launcher.tiles;
  try {
    await selfTest(backend);
  } catch (error) {
    await closeWebgpu(backend);
    throw error;
  }
  return backend;
}

const names = new WeakMap<LoudWebGPUBackend, string>();

function isBroken({ launcher }: LoudWebGPUBackend): boolean {
  try {
    launcher.check();
    return false;
  } catch {
    return true;
  }
}

/** Ends an engine of {@link openWebgpu}, unless another one has replaced it. */
export async function closeWebgpu(backend: LoudWebGPUBackend): Promise<void> {
  if (findBackend(WEBGPU_BACKEND) !== backend) return;
  removeBackend(WEBGPU_BACKEND);
  await setBackend('cpu');
}

const probe = gpuKernel({
  name: 'selfTest',
  inputs: { x: 'f32' },
  outputs: { y: 'f32', z: 'f32' },
  params: { factor: 'f32' },
  constants: Float32Array.of(0, 0, 0, 0, 3),
  workgroupSize: 4,
  main: 'y[lane] = x[lane] * params.factor; z[lane] += x[lane] + constantAt(4u);',
});

/** A tfjs op, a kernel with two outputs, one of them in place, and a tfjs op again, in one submit. */
async function selfTest(backend: LoudWebGPUBackend): Promise<void> {
  const x = tensor1d([1, 2, 3, 4]);
  const z = tensor1d([10, 20, 30, 40]);
  const two = tensor1d([2, 2, 2, 2]);
  const doubled = mul(x, two); // tfjs may compute small tensors on the host
  const [y] = backend.launcher.run(probe, {
    inputs: { x: doubled },
    outputs: { y: [4], z },
    params: { factor: 0.5 },
    groups: [1],
  });
  const wrapped = engine().makeTensorFromTensorInfo(y);
  const again = mul(wrapped, two);
  const close = async (tensor: Tensor, want: number[]) =>
    String(await tensor.data()) === String(Float32Array.from(want));
  const passed = (await close(again, [2, 4, 6, 8])) && (await close(z, [15, 27, 39, 51]));
  for (const tensor of [x, z, two, doubled, wrapped, again]) tensor.dispose();
  if (!passed) {
    throw new EngineError(
      'self_test',
      "engine 'webgpu' failed its self-test: this device or this version of @tensorflow/tfjs-backend-webgpu (4.22 is " +
        "expected) does not compute what it should; use engine 'wasm'",
    );
  }
}
