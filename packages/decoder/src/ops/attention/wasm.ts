/** @file Attention and its gradient on engine `wasm`: cuts the flat batch into blocks of query tokens. */
import { floatWord, type OpKernel, TILE_BYTES, type WasmBackend, wasmBackend } from '@arena/runtime';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { kernels } from '../../wasm/kernels.generated.js';
import type { AttentionAttrs } from './op.js';

/** Rows of a tile: query tokens times query heads of a key head. */
const TILE_ROWS = 128;
/** Keys of a step; as in tile.as.ts. */
const KEYS = 128;
/** Most bytes of a row of a panel of columns: 16 floats. */
const STEP = 64;
/** Floats that one task of addCopies takes. */
const SUM_VALUES = 16384;
/** Tasks that the backward pass is cut into where the sequences alone give fewer. */
const BACKWARD_TASKS = 16;

/** Query rows [row, row + count) of a sequence that starts at `start`, and the keys [first, end) that they see. */
interface Block {
  row: number;
  count: number;
  start: number;
  first: number;
  end: number;
}

/** A sequence's tokens and the numbers of its blocks. */
interface Sequence {
  start: number;
  stop: number;
  firstBlock: number;
  endBlock: number;
}

type Inputs = { [name: string]: TensorInfo };

export const attentionWasm: OpKernel<AttentionAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { numHeads, numKeyValueHeads } = attrs;
  const { blocks } = cut(backend, inputs, attrs);
  const { pointer: o, ...oOutput } = backend.output(inputs.q.shape);
  const { pointer: lse, ...lseOutput } = backend.output([inputs.q.shape[0], numHeads]);
  // long blocks first: the last tasks are then short ones, and the threads end together
  const ordered = [...blocks].sort((a, b) => b.end - b.first - (a.end - a.first));
  withWords(backend, ordered.flatMap(blockWords), (pointer) => {
    backend.pool.run({
      module: kernels,
      kernel: 'attention',
      args: callWords(backend, inputs, attrs, o, lse, pointer),
      tasks: blocks.length * numKeyValueHeads,
      scratch: forwardScratch(attrs),
    });
  });
  return [oOutput, lseOutput];
};

export const attentionBackwardWasm: OpKernel<AttentionAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  const { numKeyValueHeads } = attrs;
  const { blocks, sequences } = cut(backend, inputs, attrs);
  const { pointer: dq, ...dqOutput } = backend.output(inputs.q.shape);
  const { pointer: dk, ...dkOutput } = backend.output(inputs.k.shape);
  const { pointer: dv, ...dvOutput } = backend.output(inputs.v.shape);
  const copies = Math.max(1, Math.floor(BACKWARD_TASKS / (sequences.length * numKeyValueHeads)));
  const parts = sequences.flatMap(({ start, stop, firstBlock, endBlock }) =>
    // every copies-th block: all parts get short and long ones
    Array.from({ length: copies }, (_, copy) => [firstBlock + copy, endBlock, copies, start, stop, copy]),
  );
  const run = (dkCopies: number, dvCopies: number) =>
    withWords(backend, [...blocks.flatMap(blockWords), ...parts.flat()], (pointer) => {
      const partsPointer = pointer + 4 * 5 * blocks.length;
      const call = callWords(backend, inputs, attrs, backend.pointer(inputs.o), backend.pointer(inputs.lse), pointer);
      backend.pool.run({
        module: kernels,
        kernel: 'attentionBackward',
        args: [...call, backend.pointer(inputs.do), dq, dkCopies, dvCopies, partsPointer, inputs.k.shape[0]],
        tasks: parts.length * numKeyValueHeads,
        scratch: backwardScratch(attrs),
      });
    });
  if (copies === 1) run(dk, dv);
  else {
    const count = inputs.k.shape[0] * inputs.k.shape[1];
    backend.withMemory(8 * copies * count, (pointer) => {
      const values = pointer + 4 * copies * count;
      run(pointer, values);
      addCopies(backend, pointer, dk, count, copies);
      addCopies(backend, values, dv, count, copies);
    });
  }
  return [dqOutput, dkOutput, dvOutput];
};

/** Cuts the query rows into blocks that lie in one sequence each. */
function cut(backend: WasmBackend, inputs: Inputs, attrs: AttentionAttrs): { blocks: Block[]; sequences: Sequence[] } {
  const { slidingWindow } = attrs;
  const offsets = backend.data.get(inputs.offsets.dataId).values as Int32Array;
  const rows = backend.data.get(inputs.rows.dataId).values as Int32Array;
  const most = blockTokens(attrs);
  const blocks: Block[] = [];
  const sequences: Sequence[] = [];
  let row = 0;
  for (let i = 0; i + 1 < offsets.length; i++) {
    const [start, stop] = [offsets[i], offsets[i + 1]];
    const firstBlock = blocks.length;
    if (rows[row] < start) break;
    while (row < rows.length && rows[row] < stop) {
      let count = 1;
      while (count < most && row + count < rows.length && rows[row + count] < stop) count++;
      const first = slidingWindow ? Math.max(start, rows[row] - slidingWindow + 1) : start;
      blocks.push({ row, count, start, first, end: rows[row + count - 1] + 1 });
      row += count;
    }
    sequences.push({ start, stop, firstBlock, endBlock: blocks.length });
  }
  if (row !== rows.length) {
    throw new RangeError(
      `attention: query row ${rows[row]} is outside the batch of ${inputs.k.shape[0]} tokens or out of order`,
    );
  }
  return { blocks, sequences };
}

/** Query tokens of a block: a multiple of 4. */
function blockTokens({ numHeads, numKeyValueHeads }: AttentionAttrs): number {
  return Math.max(4, Math.floor((TILE_ROWS * numKeyValueHeads) / numHeads / 4) * 4);
}

function tileRows(attrs: AttentionAttrs): number {
  return (blockTokens(attrs) * attrs.numHeads) / attrs.numKeyValueHeads;
}

function blockWords({ row, count, start, first, end }: Block): number[] {
  return [row, count, start, first, end];
}

/** Bytes of thread scratch, as the kernels lay it out. */
function forwardScratch(attrs: AttentionAttrs): number {
  const dim = 4 * attrs.headDim;
  return TILE_BYTES + tileRows(attrs) * (2 * dim + 16 + 8 * KEYS + 8) + KEYS * (dim + STEP);
}

function backwardScratch(attrs: AttentionAttrs): number {
  const dim = 4 * attrs.headDim;
  const right = Math.max(KEYS, tileRows(attrs)) * (dim + STEP);
  return TILE_BYTES + tileRows(attrs) * (4 * (dim + STEP) + 12 * KEYS + 4) + right;
}

function callWords(
  backend: WasmBackend,
  inputs: Inputs,
  attrs: AttentionAttrs,
  o: number,
  lse: number,
  blocks: number,
): number[] {
  const { numHeads, numKeyValueHeads, headDim, scale, softcap, slidingWindow } = attrs;
  const pointers = [inputs.q, inputs.k, inputs.v].map((tensor) => backend.pointer(tensor));
  const numbers = [numHeads, numKeyValueHeads, headDim, floatWord(scale), floatWord(softcap), slidingWindow];
  return [...pointers, o, lse, backend.pointer(inputs.rows), blocks, ...numbers, tileRows(attrs)];
}

/** Runs `body` with the address of 32-bit words. */
function withWords(backend: WasmBackend, words: number[], body: (pointer: number) => void): void {
  backend.withMemory(4 * words.length, (pointer) => {
    (backend.heap.view(pointer, words.length, 'int32') as Int32Array).set(words);
    body(pointer);
  });
}

function addCopies(backend: WasmBackend, source: number, target: number, count: number, copies: number): void {
  const tasks = Math.ceil(count / SUM_VALUES);
  backend.pool.run({ module: kernels, kernel: 'addCopies', args: [source, target, count, copies], tasks });
}
