/** @file The engine for openEngine('cuda') of @arena/runtime. */
import type { EngineProvider } from '@arena/runtime/engine';
import { closeCuda, openCuda } from './open.js';

/**
 * Opens engine `cuda`: for `provideEngine`, or found by name in an installed @arena/cuda.
 * @throws CudaError as {@link openCuda} does.
 */
export const cudaEngine: EngineProvider = {
  async open({ gpu, memoryBudget, bf16, cublasLt }) {
    const { backend, device } = await openCuda({ device: gpu, budget: memoryBudget, bf16, cublasLt });
    return {
      name: 'cuda',
      threads: 1,
      wide: false,
      notes: [],
      device: device.name,
      halves: backend.launcher.bf16,
      deviceBytes: Math.min(backend.context.allocator.budget, backend.context.allocator.freeBytes()),
      dispose: () => void closeCuda(backend),
    };
  },
};
