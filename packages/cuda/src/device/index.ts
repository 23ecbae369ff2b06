/** @file An opened device and its backend: what tests and kernels ask of them. */
export { CudaBackend, cudaBackend } from '../backend.js';
export type { CudaDevice } from '../device.js';
export { closeCuda, type OpenCuda, openCuda } from '../open.js';
