/** @file Rope on engine `wasm`. */

import type { OpKernel } from '@arena/runtime/op';
import { type WasmBackend, wasmBackend, wasmKernel } from '@arena/runtime/wasm';
import { DecoderError } from '../../error.js';
import { kernels } from '../../wasm/kernels.generated.js';
import type { RopeAttrs } from './attrs.js';
import { inverseFrequencies } from './reference.js';

const rotate = wasmKernel({
  module: kernels,
  name: 'rope',
  inputs: ['x', 'positions', 'table'],
  outputs: ['y'],
  params: { tokens: 'i32', heads: 'i32', headDim: 'i32', sign: 'f32' },
});

/** Rows that one task takes. */
const { ROWS } = rotate.constants;
/** Positions that the table may reach: 128 MiB at a head size of 256. */
const MAX_POSITIONS = 131_072;

export const ropeWasm: OpKernel<RopeAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { x, positions } = inputs;
  const { headDim, inverse } = attrs;
  const [tokens, width] = x.shape;
  const table = rotationTable(backend, attrs, largest(backend.data.get(positions.dataId).values as Int32Array));
  return backend.run(rotate, {
    inputs: { x, positions, table },
    outputs: { y: [tokens, width] },
    params: { tokens, heads: width / headDim, headDim, sign: inverse ? -1 : 1 },
    tasks: Math.ceil(tokens / ROWS),
  });
};

function largest(positions: Int32Array): number {
  let most = 0;
  for (const position of positions) {
    if (position < 0 || position >= MAX_POSITIONS) {
      throw new DecoderError('batch', `rope: position ${position} is outside [0, ${MAX_POSITIONS})`);
    }
    most = Math.max(most, position);
  }
  return most;
}

interface RotationTable {
  pointer: number;
  positions: number;
}

const tables = new WeakMap<WasmBackend, Map<string, RotationTable>>();

/** Address of the cosines and sines of all positions up to `last`. Kept with the backend, rebuilt when it must reach further. */
function rotationTable(backend: WasmBackend, attrs: RopeAttrs, last: number): number {
  const { headDim, theta, factor, frequencyDtype } = attrs;
  const known = tables.get(backend) ?? new Map<string, RotationTable>();
  tables.set(backend, known);
  const key = `${headDim} ${theta} ${factor} ${frequencyDtype}`;
  const old = known.get(key);
  if (old && last < old.positions) return old.pointer;
  if (old) backend.heap.free(old.pointer);
  known.delete(key);
  const positions = Math.ceil((last + 1) / 512) * 512;
  const half = headDim / 2;
  const frequencies = inverseFrequencies(attrs);
  const pointer = backend.heap.allocate(4 * positions * headDim);
  const values = backend.heap.view(pointer, positions * headDim, 'float32');
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]);
      values[position * headDim + i] = Math.cos(angle);
      values[position * headDim + half + i] = Math.sin(angle);
    }
  }
  known.set(key, { pointer, positions });
  return pointer;
}
