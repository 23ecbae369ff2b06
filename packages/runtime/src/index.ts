export {
  type AutoOptions,
  type CudaOptions,
  type Engine,
  type EngineName,
  type EngineOptions,
  openEngine,
  type WasmOptions,
  type WebgpuOptions,
} from './engine.js';
export { EngineError } from './error.js';
export { accumulate, clearGradient, disposeParameter, type Parameter, parameter } from './parameter.js';
export { type Profile, startProfile } from './profile.js';
export { provideEngine } from './provider.js';
export { DeviceLostError } from './webgpu/device.js';
