/** @file Attention and its gradient on engine `wasm`, by blocks of query tokens: our kernels, or a native library's products. */

import type { OpKernel } from '@arena/runtime/op';
import { packWords, TILE_BYTES, type WasmBackend, wasmBackend, wasmKernel } from '@arena/runtime/wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { kernels } from '../../../wasm/kernels.generated.js';
import type { AttentionAttrs } from '../attrs.js';
import { type Block, cut } from './cut.js';
import { attentionBackwardNative, attentionNative, NATIVE_TOKENS, nativeAttends } from './native.js';

const geometry = {
  numHeads: 'i32',
  numKeyValueHeads: 'i32',
  headDim: 'i32',
  scale: 'f32',
  softcap: 'f32',
  slidingWindow: 'i32',
  tileRows: 'i32',
} as const;

const forward = wasmKernel({
  module: kernels,
  name: 'attention',
  inputs: ['q', 'k', 'v', 'rows', 'blocks'],
  outputs: ['o', 'lse'],
  params: geometry,
});

const backward = wasmKernel({
  module: kernels,
  name: 'attentionBackward',
  inputs: ['q', 'k', 'v', 'o', 'lse', 'rows', 'blocks', 'gradient', 'parts'],
  outputs: ['dq', 'dk', 'dv'],
  params: { ...geometry, tokens: 'i32' },
});

const sum = wasmKernel({
  module: kernels,
  name: 'addCopies',
  inputs: ['source'],
  outputs: ['target'],
  params: { count: 'u32', copies: 'i32' },
});

/** Rows of a tile: query tokens times query heads of a key head. */
const TILE_ROWS = 128;
/** Keys of a step, and bytes of a block in memory. */
const { KEYS, BLOCK_BYTES } = forward.constants;
/** Most bytes of a row of a panel of columns: 16 floats. */
const STEP = 64;
/** Floats that one task of addCopies takes. */
const { SUM_VALUES } = sum.constants;
/** Tasks that the backward pass is cut into where the sequences alone give fewer. */
const BACKWARD_TASKS = 16;

type Inputs = { [name: string]: TensorInfo };

export const attentionWasm: OpKernel<AttentionAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  if (native(backend, inputs)) {
    return attentionNative(backend, inputs, attrs, cut(backend, inputs, NATIVE_TOKENS, attrs));
  }
  const blocks = cut(backend, inputs, blockTokens(attrs), attrs).flatMap((sequence) => sequence.blocks);
  // long blocks first: the last tasks are then short ones, and the threads end together
  const ordered = [...blocks].sort((a, b) => b.end - b.first - (a.end - a.first));
  return withWords(backend, blockWords(ordered), (pointer) =>
    backend.run(forward, {
      inputs: { ...inputs, blocks: pointer },
      outputs: { o: inputs.q.shape, lse: [inputs.q.shape[0], attrs.numHeads] },
      params: geometryOf(attrs),
      tasks: blocks.length * attrs.numKeyValueHeads,
      scratch: forwardScratch(attrs),
    }),
  );
};

export const attentionBackwardWasm: OpKernel<AttentionAttrs> = ({ inputs, attrs, backend: current }) => {
  const backend = wasmBackend(current);
  if (native(backend, inputs)) {
    return attentionBackwardNative(backend, inputs, attrs, cut(backend, inputs, NATIVE_TOKENS, attrs));
  }
  const { numKeyValueHeads } = attrs;
  const sequences = cut(backend, inputs, blockTokens(attrs), attrs);
  const blocks = sequences.flatMap((sequence) => sequence.blocks);
  const [tokens, width] = inputs.k.shape;
  const copies = Math.max(1, Math.floor(BACKWARD_TASKS / (sequences.length * numKeyValueHeads)));
  let end = 0;
  const parts = sequences.flatMap(({ start, stop, blocks: own }) => {
    const first = end;
    end += own.length;
    // every copies-th block: all parts get short and long ones
    return Array.from({ length: copies }, (_, copy) =>
      packWords(backward.records.Part, { first: first + copy, end, stride: copies, start, stop, copy }),
    );
  });
  const run = (dk: number | number[], dv: number | number[]) =>
    withWords(backend, [...blockWords(blocks), ...parts.flat()], (pointer) =>
      backend.run(backward, {
        inputs: { ...inputs, gradient: inputs.do, blocks: pointer, parts: pointer + BLOCK_BYTES * blocks.length },
        outputs: { dq: inputs.q.shape, dk, dv },
        params: { ...geometryOf(attrs), tokens },
        tasks: parts.length * numKeyValueHeads,
        scratch: backwardScratch(attrs),
      }),
    );
  if (copies === 1) return run([tokens, width], [tokens, width]);
  const count = tokens * width;
  return backend.withMemory(8 * copies * count, (keys) => {
    const values = keys + 4 * copies * count;
    const dq = run(keys, values);
    const [dk, dv] = [keys, values].map((source) =>
      backend.run(sum, {
        inputs: { source },
        outputs: { target: [tokens, width] },
        params: { count, copies },
        tasks: Math.ceil(count / SUM_VALUES),
      }),
    );
    return [...dq, ...dk, ...dv];
  });
};

function native(backend: WasmBackend, { rows, offsets }: Inputs): boolean {
  return nativeAttends(backend, rows.shape[0], offsets.shape[0] - 1);
}

/** Query tokens of a block: a multiple of 4. */
function blockTokens({ numHeads, numKeyValueHeads }: AttentionAttrs): number {
  return Math.max(4, Math.floor((TILE_ROWS * numKeyValueHeads) / numHeads / 4) * 4);
}

function tileRows(attrs: AttentionAttrs): number {
  return (blockTokens(attrs) * attrs.numHeads) / attrs.numKeyValueHeads;
}

function blockWords(blocks: Block[]): number[] {
  return blocks.flatMap((block) => packWords(forward.records.Block, block));
}

function geometryOf(attrs: AttentionAttrs): { [name in keyof typeof geometry]: number } {
  return { ...attrs, tileRows: tileRows(attrs) };
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

/** Runs `body` with the address of 32-bit words. */
function withWords<T>(backend: WasmBackend, words: number[], body: (pointer: number) => T): T {
  return backend.withMemory(4 * words.length, (pointer) => {
    (backend.heap.view(pointer, words.length, 'int32') as Int32Array).set(words);
    return body(pointer);
  });
}
