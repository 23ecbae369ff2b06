export { cudaEngine } from './engine.js';
export * from './error.js';
export { type CudaReport, cudaProblem, inspectCuda } from './inspect.js';
export type { CudaOptions } from './open.js';
