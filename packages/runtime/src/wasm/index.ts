/** @file For authors of kernels for engine `wasm`. */
export { WasmBackend, wasmBackend } from './backend.js';
export {
  BLOCK_SCRATCH,
  FEW_ROWS,
  type LeftOperand,
  multiply,
  type PackedLeft,
  type Product,
  packLeft,
  productTasks,
  roundRows,
  TILE_BYTES,
} from './gemm.js';
export type { HeapOptions, HeapType } from './heap.js';
export { packWords, type WasmKernel, type WasmRun, wasmKernel } from './kernel.js';
export type { KernelModule } from './module.js';
export type { BindProduct, NativeMatrices, NativeProduct, NativeProducts } from './native.js';
export { multiplyPanels, type PanelProduct } from './native-gemm.js';
export { type Job, Pool } from './pool.js';
