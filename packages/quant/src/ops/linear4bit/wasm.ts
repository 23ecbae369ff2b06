/** @file Linear4bit on engine `wasm`. */
import {
  BLOCK_SCRATCH,
  FEW_ROWS,
  floatWord,
  type LeftOperand,
  type OpKernel,
  type PackedLeft,
  packLeft,
  productTasks,
  type WasmBackend,
  wasmBackend,
} from '@arena/runtime';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { CODEBOOK, DYNAMIC_MAP, type QuantType } from '../../tables.js';
import { kernels } from '../../wasm/kernels.generated.js';
import type { Weight4bitAttrs } from '../../weight.js';
import type { Linear4bitAttrs } from './op.js';

/** Rows of W that one task takes when x has few rows, and columns when W is transposed; as in kernel.as.ts. */
const ROWS = 64;
const COLUMNS = 1152;
/** Bytes of thread scratch of those tasks: 64 values of W and the sums of three rows. */
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

/** Runs a product with a 4-bit matrix: W is dequantised a tile at a time in each thread's scratch. */
export function multiply4bit(backend: WasmBackend, product: Product4bit): void {
  const { a, weight, attrs, transposed, c, accumulate = false } = product;
  const { inFeatures, outFeatures, blockSize, quantType, nestedOffset } = attrs;
  const { m } = a;
  if (m === 0) return;
  const blockShift = Math.log2(blockSize);
  const aligned = inFeatures % 64 === 0 && blockSize >= 64 && Number.isInteger(blockShift);
  const nested = nestedOffset === undefined ? 0 : backend.pointer(weight.nestedAbsmax);
  const words = [
    ...[Number(accumulate), backend.pointer(weight.codes), backend.pointer(weight.absmax), nested],
    ...[
      floatWord(nestedOffset ?? 0),
      inFeatures,
      outFeatures,
      blockSize,
      blockShift,
      Number(transposed),
      Number(aligned),
    ],
    tablesPointer(backend, quantType),
  ];
  const source = 'free' in a ? a.source : a;
  if (m <= FEW_ROWS && aligned && isPlain(source)) {
    const run = (kernel: string, from: number, to: number, tasks: number) =>
      backend.pool.run({ module: kernels, kernel, args: [from, to, m, 0, ...words], tasks, scratch: FEW_SCRATCH });
    if (transposed) {
      run('multiplyColumns', source.pointer, c, Math.ceil(inFeatures / COLUMNS));
      return;
    }
    backend.withMemory(4 * m * inFeatures, (split) => {
      run('splitEvenOdd', source.pointer, split, m);
      run('multiplyRows', split, c, Math.ceil(outFeatures / ROWS));
    });
    return;
  }
  const packed = 'free' in a ? a : packLeft(backend, a);
  try {
    const { chunk, tasks } = productTasks(m, transposed ? inFeatures : outFeatures, backend.pool.threads);
    const args = [packed.pointer, c, m, chunk, ...words];
    backend.pool.run({ module: kernels, kernel: 'multiply4bit', args, tasks, scratch: BLOCK_SCRATCH });
  } finally {
    if (packed !== a) packed.free();
  }
}

function isPlain({ k, transpose = false, stride = k, scale = 1 }: LeftOperand): boolean {
  return !transpose && stride === k && scale === 1;
}

const tablePointers = new WeakMap<WasmBackend, { [type in QuantType]?: number }>();

/** Address of a code table: 16 floats, their byte planes, and the map of nested absmax codes. Written once a backend. */
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
