/** @file WebGPU in Node, through the optional package `webgpu` (Dawn). Does nothing in a browser. */

import { EngineError } from '../error.js';
import { importFromProject } from '../project-package.js';

interface WebgpuPackage {
  create(options: string[]): GPU;
  globals: Record<string, unknown>;
}

/**
 * Exact timestamps: rounding to 0.1 ms is for untrusted pages. And half precision on NVIDIA's Vulkan driver, where Dawn
 * hides it: the engine uses it only on request.
 */
const DAWN_FLAGS = ['disable-dawn-features=timestamp_quantization', 'enable-dawn-features=vulkan_enable_f16_on_nvidia'];

/** Kept alive for the whole process: after collection its promises would never resolve. */
let nodeGpu: GPU | undefined;

/**
 * Installs `navigator.gpu` and WebGPU's classes in Node, if the package `webgpu` is installed.
 * @throws EngineError when the package is installed but does not load.
 */
export async function provideNodeGpu(): Promise<void> {
  if (globalThis.navigator?.gpu || typeof process === 'undefined' || !process.versions?.node) return;
  let dawn: WebgpuPackage;
  try {
    dawn = (await importFromProject('webgpu')) as WebgpuPackage;
  } catch (error) {
    if (/MODULE_NOT_FOUND/.test((error as { code?: string }).code ?? '')) return;
    throw new EngineError(
      'unavailable',
      `engine 'webgpu' cannot be opened here: the package 'webgpu' does not load (${error})`,
    );
  }
  Object.assign(globalThis, dawn.globals);
  nodeGpu = dawn.create(DAWN_FLAGS);
  const gpu = { value: nodeGpu, configurable: true };
  if (globalThis.navigator) Object.defineProperty(globalThis.navigator, 'gpu', gpu);
  else
    Object.defineProperty(globalThis, 'navigator', {
      value: Object.defineProperty({}, 'gpu', gpu),
      configurable: true,
    });
}
