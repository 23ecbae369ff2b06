/** @file Requests a WebGPU device with all that the adapter offers. */
import { EngineError } from '../error.js';

/** Features to use where the adapter has them. */
const WANTED_FEATURES = ['shader-f16', 'subgroups', 'subgroup-size-control', 'timestamp-query'] as GPUFeatureName[];

/** The engine has lost its GPU device, with all tensors on it. Opening the engine again gets a new device. */
export class DeviceLostError extends Error {
  override readonly name = 'DeviceLostError';
}

export interface OpenDevice {
  device: GPUDevice;
  info: GPUAdapterInfo;
}

/**
 * A device with the adapter's own limits (the default of 128 MiB per buffer is small) and known features.
 * @throws EngineError naming what is missing and what to do.
 */
export async function requestGpuDevice(hardware = false): Promise<OpenDevice> {
  const gpu = requireGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new EngineError(
      'unavailable',
      "engine 'webgpu' cannot be opened here: there is no adapter. In a browser, look at chrome://gpu; on Linux a " +
        "Vulkan driver is needed (in a container, the GPU's graphics capability too); or use engine 'wasm'",
    );
  }
  if (hardware && isSoftware(adapter.info)) {
    throw new EngineError(
      'unavailable',
      `engine 'webgpu' would compute on the CPU here (${describeAdapter(adapter.info)})`,
    );
  }
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredLimits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const limit = adapter.limits[name as keyof GPUSupportedLimits];
    if (typeof limit === 'number') requiredLimits[name] = limit;
  }
  try {
    return { device: await adapter.requestDevice({ requiredFeatures, requiredLimits }), info: adapter.info };
  } catch (error) {
    throw new EngineError(
      'unavailable',
      `engine 'webgpu' cannot be opened here: the adapter refused a device (${(error as Error).message})`,
    );
  }
}

/** @throws EngineError saying where WebGPU is available. */
export function requireGpu(): GPU {
  const { gpu } = globalThis.navigator ?? {};
  if (!gpu) throw new EngineError('unavailable', `engine 'webgpu' cannot be opened here: ${withoutGpu()}`);
  return gpu;
}

function withoutGpu(): string {
  if (globalThis.isSecureContext === false) return 'WebGPU needs a secure page (https, or localhost)';
  return "there is no WebGPU; use a browser that has it, or in Node install the package 'webgpu', or use engine 'wasm'";
}

/** Name of the adapter in a report. */
export function describeAdapter({ vendor, architecture, description }: GPUAdapterInfo): string {
  return description || [vendor, architecture].filter(Boolean).join(' ') || 'unknown adapter';
}

/** Whether the adapter computes on the CPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  return /swiftshader|llvmpipe|lavapipe/i.test(
    `${info.vendor} ${info.architecture} ${info.device} ${info.description}`,
  );
}
