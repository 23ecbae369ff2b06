/** @file Linear4bit on engine `wasm`. */
import type { OpKernel } from '@arena/runtime/op';
import {
  BLOCK_SCRATCH,
  FEW_ROWS,
  type LeftOperand,
  multiplyPanels,
  type PackedLeft,
  type PanelProduct,
  packLeft,
  productTasks,
  type WasmBackend,
  type WasmKernel,
  wasmBackend,
  wasmKernel,
} from '@arena/runtime/wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { CODEBOOK, DYNAMIC_MAP, type QuantType } from '../../tables.js';
import { kernels } from '../../wasm/kernels.generated.js';
import type { Weight4bitAttrs } from '../../weight.js';
import type { Linear4bitAttrs } from './attrs.js';

const WEIGHT = {
  nestedOffset: 'f32',
  inFeatures: 'i32',
  outFeatures: 'i32',
  blockSize: 'i32',
  blockShift: 'i32',
  aligned: 'i32',
} as const;

const [multiplyTiles, multiplyRows, multiplyColumns, splitEvenOdd] = (
  ['multiply4bit', 'multiplyRows', 'multiplyColumns', 'splitEvenOdd'] as const
).map((name) =>
  wasmKernel({
    module: kernels,
    name,
    inputs: ['a', 'codes', 'absmax', 'tables'],
    optional: ['nestedAbsmax'],
    outputs: ['c'],
    params: { ...WEIGHT, m: 'i32', chunk: 'i32', accumulate: 'i32', transposed: 'i32' },
  }),
);

const widenRows = wasmKernel({
  module: kernels,
  name: 'widen4bit',
  inputs: ['codes', 'absmax', 'tables'],
  optional: ['nestedAbsmax'],
  outputs: ['to'],
  params: { ...WEIGHT, first: 'i32', rows: 'i32', half: 'i32' },
});

/** Rows of W of one task of the widening. */
const { WIDEN_ROWS } = widenRows.constants;
/** Rows of W of one task when x has few rows; columns when W is transposed. */
const { ROWS, COLUMNS } = multiplyRows.constants;
/** Bytes of thread scratch for those tasks: 64 values of W and the sums of three rows. */
const FEW_SCRATCH = 256 + 4 * FEW_ROWS * COLUMNS;

/** A product with a 4-bit matrix W [outFeatures, inFeatures] in the heap. */
export interface Product4bit {
  /** [m, inFeatures], or [m, outFeatures] when transposed. */
  a: LeftOperand | PackedLeft;
  /** The weight's tensors by name: codes, absmax and, when nested, nestedAbsmax. */
  weight: { [name: string]: TensorInfo };
  attrs: Weight4bitAttrs;
  /** false: C = A W^T; true: C = A W. */
  transposed: boolean;
  /** Address of C [m, outFeatures], or [m, inFeatures] when transposed. */
  c: number;
  /** Adds to C instead of replacing it (default false). */
  accumulate?: boolean;
}

export const linear4bitWasm: OpKernel<Linear4bitAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { transposed, inFeatures, outFeatures } = attrs;
  const [m, k] = inputs.x.shape;
  const a = { pointer: backend.pointer(inputs.x), m, k };
  const { pointer, ...y } = backend.output([m, transposed ? inFeatures : outFeatures]);
  multiply4bit(backend, { a, weight: inputs, attrs, transposed, c: pointer });
  return [y];
};

/** Runs a product with a 4-bit matrix. Each thread dequantises W a tile at a time in its scratch. */
export function multiply4bit(backend: WasmBackend, product: Product4bit): void {
  const { a, weight, attrs, transposed, c, accumulate = false } = product;
  const { inFeatures, outFeatures, blockSize, quantType, nestedOffset } = attrs;
  const { m } = a;
  if (m === 0) return;
  const blockShift = Math.log2(blockSize);
  const aligned = inFeatures % 64 === 0 && blockSize >= 64 && Number.isInteger(blockShift);
  const { codes, absmax, nestedAbsmax } = weight;
  const stored = { codes, absmax, nestedAbsmax, tables: tablesPointer(backend, quantType) };
  const layout = {
    nestedOffset: nestedOffset ?? 0,
    inFeatures,
    outFeatures,
    blockSize,
    blockShift,
    aligned: Number(aligned),
  };
  const run = (kernel: WasmKernel, from: number, to: number, tasks: number, scratch: number, chunk = 0) =>
    backend.run(kernel, {
      inputs: { ...stored, a: from },
      outputs: { c: to },
      params: { ...layout, m, chunk, accumulate: Number(accumulate), transposed: Number(transposed) },
      tasks,
      scratch,
    });
  const source = 'free' in a ? a.source : a;
  if (m <= FEW_ROWS && aligned && isPlain(source)) {
    if (transposed) {
      run(multiplyColumns, source.pointer, c, Math.ceil(inFeatures / COLUMNS), FEW_SCRATCH);
      return;
    }
    backend.withMemory(4 * m * inFeatures, (split) => {
      run(splitEvenOdd, source.pointer, split, m, FEW_SCRATCH);
      run(multiplyRows, split, c, Math.ceil(outFeatures / ROWS), FEW_SCRATCH);
    });
    return;
  }
  const packed = 'free' in a ? a : packLeft(backend, a);
  const shape = [outFeatures, inFeatures] as const;
  const widen: PanelProduct['widen'] = ({ first, count, to, half }) =>
    backend.run(widenRows, {
      inputs: stored,
      outputs: { to },
      params: { ...layout, first, rows: count, half: Number(half) },
      tasks: Math.ceil(count / WIDEN_ROWS),
    });
  try {
    if (multiplyPanels(backend, { a: packed, shape, transposed, c, accumulate, widen })) return;
    const { chunk, tasks } = productTasks(m, transposed ? inFeatures : outFeatures, backend.pool.threads);
    run(multiplyTiles, packed.panels(), c, tasks, BLOCK_SCRATCH, chunk);
  } finally {
    if (packed !== a) packed.free();
  }
}

function isPlain({ k, transpose = false, stride = k, scale = 1 }: LeftOperand): boolean {
  return !transpose && stride === k && scale === 1;
}

const tablePointers = new WeakMap<WasmBackend, { [type in QuantType]?: number }>();

/**
 * Address of a code table: 16 floats, their byte planes, and the map of nested absmax codes. Written once a backend.
 */
function tablesPointer(backend: WasmBackend, quantType: QuantType): number {
  const known = tablePointers.get(backend) ?? {};
  tablePointers.set(backend, known);
  return (known[quantType] ??= writeTables(backend, CODEBOOK[quantType]));
}

function writeTables({ heap }: WasmBackend, codebook: Float32Array): number {
  const pointer = heap.allocate(128 + 4 * DYNAMIC_MAP.length);
  heap.view(pointer, 16, 'float32').set(codebook);
  const bytes = new Uint8Array(codebook.slice().buffer);
  heap.view(pointer + 64, 64, 'bool').set(bytes.map((_, i) => bytes[4 * (i & 15) + (i >> 4)]));
  heap.view(pointer + 128, DYNAMIC_MAP.length, 'float32').set(DYNAMIC_MAP);
  return pointer;
}
