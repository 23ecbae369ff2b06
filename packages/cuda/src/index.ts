export { CudaBackend, cudaBackend } from './backend.js';
export type { CudaDevice } from './device.js';
export { cudaEngine } from './engine.js';
export * from './error.js';
export { type CudaReport, cudaProblem, inspectCuda } from './inspect.js';
export { type CudaOptions, closeCuda, type OpenCuda, openCuda } from './open.js';
