export { type Abilities, setAbilities } from './abilities.js';
export { checkGradient, checkOps, type GradientCheck, type SampleResult } from './conformance.js';

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
export { halve, offload } from './offload.js';
export {
  type AnyOp,
  BACKEND_OF,
  declaredOps,
  defineOp,
  type FusedOp,
  type OpInputs,
  type OpKernel,
  type OpObserver,
  type OpSample,
  observeOps,
  runOp,
} from './op.js';
export { addTime, type OpTime } from './op-time.js';
export { accumulate, clearGradient, disposeParameter, type Parameter, parameter } from './parameter.js';
export { type Profile, startProfile } from './profile.js';
export { importFromProject } from './project-package.js';
export { type EngineProvider, provideEngine } from './provider.js';

export { DeviceLostError } from './webgpu/device.js';
