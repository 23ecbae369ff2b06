/** @file For authors of kernels for engine `cuda`. */
export {
  type CudaForm,
  type CudaMask,
  type CudaOperand,
  type CudaProduct,
  type CudaTile,
  type CudaWay,
  cudaFloat,
  cudaMultiply,
  type ProductKernels,
  productKernels,
} from './gemm.js';
export { acrossMemory, alongMemory } from './gemm-bf16.js';
export { type CudaKernel, type CudaKernelSource, type CudaScalar, cudaKernel, declaredCudaKernels } from './kernel.js';
export { type CudaBlas, type CudaLaunch, type CudaLauncher, cudaLauncher, setCudaLauncher } from './launcher.js';
export { type CudaText, packagePtx } from './ptx.js';
