export { type Abilities, setAbilities } from './abilities.js';
export { checkGradient, checkOps, type GradientCheck, type SampleResult } from './conformance.js';
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
} from './cuda/gemm.js';
export { acrossMemory, alongMemory } from './cuda/gemm-bf16.js';
export {
  type CudaKernel,
  type CudaKernelSource,
  type CudaScalar,
  cudaKernel,
  declaredCudaKernels,
} from './cuda/kernel.js';
export { type CudaBlas, type CudaLaunch, type CudaLauncher, cudaLauncher, setCudaLauncher } from './cuda/launcher.js';
export { type CudaText, packagePtx } from './cuda/ptx.js';
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
export { WasmBackend, wasmBackend } from './wasm/backend.js';
export {
  BLOCK_SCRATCH,
  FEW_ROWS,
  type LeftOperand,
  multiply,
  type PackedLeft,
  type Product,
  packLeft,
  productTasks,
  TILE_BYTES,
} from './wasm/gemm.js';
export type { HeapOptions, HeapType } from './wasm/heap.js';
export { packWords, type WasmKernel, type WasmRun, wasmKernel } from './wasm/kernel.js';
export type { KernelModule } from './wasm/module.js';
export { type Job, Pool } from './wasm/pool.js';
export { DeviceLostError } from './webgpu/device.js';
export { floatOperand, type GpuFactor, type GpuOperand, type GpuProduct, gpuMultiply } from './webgpu/gemm.js';
export {
  type GpuElement,
  type GpuKernel,
  type GpuKernelSource,
  type GpuScalar,
  gpuKernel,
  gpuVariants,
  workgroupSum,
} from './webgpu/kernel.js';
export { gpuLauncher, type Launch, Launcher, spread } from './webgpu/launcher.js';
export { type GpuForm, type GpuTile, type GpuTiles, tileName, tilesOf } from './webgpu/tile.js';
export { storeTiles, tileFile } from './webgpu/tile-cache.js';
export { type TileTime, type TuneOptions, tuneTiles } from './webgpu/tune.js';
