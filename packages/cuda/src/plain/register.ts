/** @file Registers the plain ops with tfjs. */
import { getKernel, type KernelFunc, registerKernel } from '@tensorflow/tfjs-core';
import { cudaBackend } from '../backend.js';
import { elementwiseKernels } from './elementwise.js';
import { gatherKernels } from './gather.js';
import type { PlainKernel } from './kernel.js';
import { matmulKernels } from './matmul.js';
import { reduceKernels } from './reduce.js';
import { shapeKernels } from './shape.js';

/** The plain ops of engine `cuda`, by tfjs's names. It has no other ops of tfjs. */
export const PLAIN_KERNELS: { readonly [name: string]: PlainKernel } = {
  ...elementwiseKernels,
  ...shapeKernels,
  ...reduceKernels,
  ...gatherKernels,
  ...matmulKernels,
};

/** Registers all of them, once. A kernel's temporary tensors are freed when it returns. */
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
