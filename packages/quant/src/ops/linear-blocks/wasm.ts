/** @file LinearBlocks on engine `wasm`. */
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
import { blockBytes } from '../../blocks.js';
import { kernels } from '../../wasm/kernels.generated.js';
import type { BlocksAttrs } from '../../weight-blocks.js';
import type { LinearBlocksAttrs } from './attrs.js';

const WEIGHT = { type: 'i32', rowBytes: 'i32', inFeatures: 'i32', outFeatures: 'i32' } as const;

const [multiplyTiles, multiplyRows, multiplyColumns] = (
  ['multiplyBlocks', 'multiplyBlockRows', 'multiplyBlockColumns'] as const
).map((name) =>
  wasmKernel({
    module: kernels,
    name,
    inputs: ['a', 'blocks'],
    outputs: ['c'],
    params: { ...WEIGHT, m: 'i32', lda: 'i32', scale: 'f32', chunk: 'i32', accumulate: 'i32', transposed: 'i32' },
  }),
);

const widenRows = wasmKernel({
  module: kernels,
  name: 'widenBlocks',
  inputs: ['blocks'],
  outputs: ['to'],
  params: { ...WEIGHT, first: 'i32', rows: 'i32', half: 'i32' },
});

/** Rows of W that one task takes when x has few rows, and columns when W is transposed; rows of a widening; depth of a tile. */
const { BLOCK_ROWS, BLOCK_COLUMNS, WIDEN_ROWS, KC } = multiplyTiles.constants;
/** Bytes of thread scratch for a block of W, a tile of C, and the widened rows of a panel, 16 at most. */
const TILE_SCRATCH = BLOCK_SCRATCH + 4 * 16 * KC;

/** A product with a matrix W [outFeatures, inFeatures] in blocks in the heap. */
export interface ProductBlocks {
  /** [m, inFeatures], or [m, outFeatures] when transposed. */
  a: LeftOperand | PackedLeft;
  /** The weight's bytes. */
  blocks: TensorInfo;
  attrs: BlocksAttrs;
  /** false: C = A W^T; true: C = A W. */
  transposed: boolean;
  /** Address of C [m, outFeatures], or [m, inFeatures] when transposed. */
  c: number;
  /** Adds to C instead of replacing it (default false). */
  accumulate?: boolean;
}

export const linearBlocksWasm: OpKernel<LinearBlocksAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { transposed, shape } = attrs;
  const [m, k] = inputs.x.shape;
  const a = { pointer: backend.pointer(inputs.x), m, k };
  const { pointer, ...y } = backend.output([m, shape[transposed ? 1 : 0]]);
  multiplyBlocks(backend, { a, blocks: inputs.blocks, attrs, transposed, c: pointer });
  return [y];
};

/**
 * Runs a product with a matrix in blocks: W is widened a tile at a time in each thread's scratch. The result is bit for
 * bit runtime's `multiply` by the widened matrix.
 */
export function multiplyBlocks(backend: WasmBackend, product: ProductBlocks): void {
  const { a, blocks, attrs, transposed, c, accumulate = false } = product;
  const [outFeatures, inFeatures] = attrs.shape;
  const { m } = a;
  if (m === 0) return;
  const source = 'free' in a ? a.source : a;
  const { stride = a.k, scale = 1 } = source;
  const layout = {
    type: multiplyTiles.constants[attrs.type],
    rowBytes: blockBytes(attrs.type, [1, inFeatures]),
    inFeatures,
    outFeatures,
  };
  const run = (kernel: WasmKernel, from: number, tasks: number, scratch: number, chunk = 0) =>
    backend.run(kernel, {
      inputs: { a: from, blocks },
      outputs: { c },
      params: {
        ...layout,
        m,
        lda: stride,
        scale,
        chunk,
        accumulate: Number(accumulate),
        transposed: Number(transposed),
      },
      tasks,
      scratch,
    });
  if (m <= FEW_ROWS && !source.transpose) {
    if (transposed) {
      run(multiplyColumns, source.pointer, Math.ceil(inFeatures / BLOCK_COLUMNS), 4 * (1 + FEW_ROWS) * BLOCK_COLUMNS);
    } else run(multiplyRows, source.pointer, Math.ceil(outFeatures / BLOCK_ROWS), 4 * inFeatures);
    return;
  }
  const packed = 'free' in a ? a : packLeft(backend, a);
  const widen: PanelProduct['widen'] = ({ first, count, to, half }) =>
    backend.run(widenRows, {
      inputs: { blocks },
      outputs: { to },
      params: { ...layout, first, rows: count, half: Number(half) },
      tasks: Math.ceil(count / WIDEN_ROWS),
      scratch: 4 * inFeatures,
    });
  try {
    if (multiplyPanels(backend, { a: packed, shape: attrs.shape, transposed, c, accumulate, widen })) return;
    const { chunk, tasks } = productTasks(m, transposed ? inFeatures : outFeatures, backend.pool.threads);
    run(multiplyTiles, packed.panels(), tasks, TILE_SCRATCH, chunk);
  } finally {
    if (packed !== a) packed.free();
  }
}
