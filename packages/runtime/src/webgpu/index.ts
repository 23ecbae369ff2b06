/** @file For authors of kernels for engine `webgpu`. */
export { floatOperand, type GpuFactor, type GpuOperand, type GpuProduct, gpuMultiply } from './gemm.js';
export {
  type GpuElement,
  type GpuKernel,
  type GpuKernelSource,
  type GpuScalar,
  gpuKernel,
  gpuVariants,
  workgroupSum,
} from './kernel.js';
export { gpuLauncher, type Launch, Launcher, spread } from './launcher.js';
export { type GpuForm, type GpuTile, type GpuTiles, tileName, tilesOf } from './tile.js';
export { storeTiles, tileFile } from './tile-cache.js';
export { type TileTime, type TuneOptions, tuneTiles } from './tune.js';
