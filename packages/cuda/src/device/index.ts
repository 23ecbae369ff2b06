/** @file An open device and its backend, for tests and authors of kernels. */
export { CudaBackend, cudaBackend } from '../backend.js';
export type { CudaDevice } from '../device.js';
export { closeCuda, type OpenCuda, openCuda } from '../open.js';
