/** @file Enters the plain ops with tfjs's registry. */
import { getKernel, type KernelFunc, registerKernel } from '@tensorflow/tfjs-core';
import { cudaBackend } from '../backend.js';
import { elementwiseKernels } from './elementwise.js';
import { gatherKernels } from './gather.js';
import type { PlainKernel } from './kernel.js';
import { matmulKernels } from './matmul.js';
import { reduceKernels } from './reduce.js';
import { shapeKernels } from './shape.js';

/** The plain ops of engine `cuda`, by tfjs's names. Others of tfjs's ops do not run on it. */
export const PLAIN_KERNELS: { readonly [name: string]: PlainKernel } = {
  ...elementwiseKernels,
  ...shapeKernels,
  ...reduceKernels,
  ...gatherKernels,
  ...matmulKernels,
};

/** Enters all of them, once. What a kernel makes on its way is freed with it. */
export function registerPlainKernels(backendName: string): void {
  for (const [kernelName, kernel] of Object.entries(PLAIN_KERNELS)) {
    if (getKernel(kernelName, backendName)) continue;
    const kernelFunc = (call: Parameters<PlainKernel>[0]) => {
      const backend = cudaBackend(call.backend);
      let single = false;
      const outputs = backend.launcher.scope(() => {
        const result = kernel(call);
        single = !Array.isArray(result);
        return single ? [result as never] : (result as never);
      });
      return single ? outputs[0] : outputs;
    };
    registerKernel({ kernelName, backendName, kernelFunc: kernelFunc as unknown as KernelFunc });
  }
}
