/**
 * @file Attention and its gradients on the tensor cores of engine `cuda`: factors are rounded to bfloat16, sums are float32. The kernels take
 * heads of 64, 128 or 256 columns; smaller ones are filled up with zeros as they are rounded.
 */
import { type CudaKernel, type CudaLauncher, cudaKernel } from '@arena/runtime/cuda';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { ptx } from '../../../cuda/ptx.js';
import type { AttentionAttrs } from '../attrs.js';
import { attentionGeometry, GEOMETRY_PARAMS } from '../geometry.js';

type Inputs = { [name: string]: TensorInfo };

/** Query rows of a block of the forward pass and of dq; keys of a tile of dq, and of a block of dk and dv. */
const ROWS = 64;
const KEYS = 32;
const KIB = 1024;
const THREADS = 128;

const params = { ...GEOMETRY_PARAMS, straight: 'u32' } as const;

/** Kernels for heads of up to so many columns. */
interface HeadKernels {
  columns: number;
  forward: CudaKernel;
  queries: CudaKernel;
  /** By falling need of shared memory. */
  keys: CudaKernel[];
}

const HEAD_KERNELS = [64, 128, 256].map((columns): HeadKernels => {
  const saved = ['q', 'k', 'v', 'dO', 'stats', 'spans'];
  const rowBytes = 2 * columns;
  const common = { params, threads: THREADS };
  const keys = (rows: number) =>
    cudaKernel({
      ptx,
      name: `attentionKeysMma${columns}x${rows}`,
      inputs: saved,
      outputs: ['dk', 'dv'],
      // K and V, two buffers of Q and do, and what two warps hand over
      sharedBytes: (2 * KEYS + 4 * rows) * rowBytes + KEYS * rows * 4,
      ...common,
    });
  return {
    columns,
    forward: cudaKernel({
      ptx,
      name: `attentionMma${columns}`,
      inputs: ['q', 'k', 'v', 'offsets', 'rows'],
      outputs: ['o', 'lse'],
      sharedBytes: 3 * ROWS * rowBytes, // Q, and as many rows of K and V
      ...common,
    }),
    queries: cudaKernel({
      ptx,
      name: `attentionQueriesMma${columns}`,
      inputs: saved,
      outputs: ['dq'],
      sharedBytes: 2 * (ROWS + KEYS) * rowBytes, // Q and do, K and V
      ...common,
    }),
    keys: columns === 256 ? [keys(32), keys(16)] : [keys(32)],
  };
});

const round = cudaKernel({
  ptx,
  name: 'attentionRound',
  inputs: ['x'],
  outputs: ['y'],
  params: { quads: 'u32', headDim: 'u32', columns: 'u32' },
  threads: 256,
});

const prepare = cudaKernel({
  ptx,
  name: 'attentionPrepareMma',
  inputs: ['dO', 'o', 'lse', 'offsets', 'rows'],
  outputs: ['rounded', 'stats', 'spans'],
  params: { columns: 'u32', ...GEOMETRY_PARAMS },
  threads: 128,
});

/** Whether there are kernels for the heads: of up to 256 columns, in eights. */
export function fitsMma({ headDim }: AttentionAttrs): boolean {
  return headDim % 8 === 0 && headDim <= HEAD_KERNELS[HEAD_KERNELS.length - 1].columns;
}

/** The forward pass: inputs as of the op -> o, lse. */
export function attentionMma(launcher: CudaLauncher, inputs: Inputs, attrs: AttentionAttrs): TensorInfo[] {
  const { offsets, rows } = inputs;
  const { columns, forward } = kernelsFor(attrs);
  const queries = inputs.q.shape[0];
  return launcher.scope(() => {
    const [q, k, v] = [inputs.q, inputs.k, inputs.v].map((x) => rounded(launcher, x, attrs, columns));
    return launcher.run(forward, {
      inputs: { q, k, v, offsets, rows },
      outputs: { o: inputs.q.shape, lse: [queries, attrs.numHeads] },
      ...blocks(launcher, forward, inputs, attrs, Math.ceil(queries / ROWS), attrs.numHeads),
    });
  });
}

/** The backward pass: inputs as of the op -> dq, dk, dv. */
export function attentionBackwardMma(launcher: CudaLauncher, inputs: Inputs, attrs: AttentionAttrs): TensorInfo[] {
  const { o, lse, offsets, rows, do: dO } = inputs;
  const { numHeads, numKeyValueHeads } = attrs;
  const { columns, ...kernels } = kernelsFor(attrs);
  const [queries, tokens] = [inputs.q.shape[0], inputs.k.shape[0]];
  return launcher.scope(() => {
    const [q, k, v] = [inputs.q, inputs.k, inputs.v].map((x) => rounded(launcher, x, attrs, columns));
    const [roundedO, stats, spans] = launcher.run(prepare, {
      inputs: { dO, o, lse, offsets, rows },
      outputs: {
        rounded: { shape: [queries, numHeads, columns / 2], dtype: 'int32' },
        stats: [queries, numHeads, 2],
        spans: { shape: [queries, 2], dtype: 'int32' },
      },
      params: { columns, ...attentionGeometry(inputs, attrs) },
      grid: [Math.ceil((queries * numHeads) / 4)],
    });
    const saved = { q, k, v, dO: roundedO, stats, spans };
    const [dq] = launcher.run(kernels.queries, {
      inputs: saved,
      outputs: { dq: inputs.q.shape },
      ...blocks(launcher, kernels.queries, inputs, attrs, Math.ceil(queries / ROWS), numHeads),
    });
    const keys = kernels.keys.find(({ sharedBytes }) => sharedBytes <= launcher.blockSharedBytes) ?? kernels.keys[0];
    const [dk, dv] = launcher.run(keys, {
      inputs: saved,
      outputs: { dk: inputs.k.shape, dv: inputs.v.shape },
      ...blocks(launcher, keys, inputs, attrs, Math.ceil(tokens / KEYS), numKeyValueHeads),
    });
    return [dq, dk, dv];
  });
}

/** [rows, heads * headDim] in bfloat16, two values to a word: [rows, heads, columns / 2] */
function rounded(launcher: CudaLauncher, x: TensorInfo, { headDim }: AttentionAttrs, columns: number): TensorInfo {
  const shape = [x.shape[0], x.shape[1] / headDim, columns / 2];
  const quads = (shape[0] * shape[1] * columns) / 4;
  const [y] = launcher.run(round, {
    inputs: { x },
    outputs: { y: { shape, dtype: 'int32' } },
    params: { quads, headDim, columns },
    grid: [Math.ceil(quads / round.threads)],
  });
  return y;
}

/**
 * One block for each tile and head, heads running fastest, and the order in which the blocks take the tiles: those with most keys (or query rows)
 * first. Where all blocks run at once, two on a multiprocessor, the second half takes the others in rising order: then each multiprocessor
 * has about as much to do.
 */
function blocks(
  launcher: CudaLauncher,
  { sharedBytes }: CudaKernel,
  inputs: Inputs,
  attrs: AttentionAttrs,
  tiles: number,
  heads: number,
) {
  const { multiprocessors, blockSharedBytes } = launcher;
  // a multiprocessor has a KiB more than a block may have, and each block takes one for the driver
  const pairs = 2 * (sharedBytes + KIB) <= blockSharedBytes + KIB && tiles * heads <= 2 * multiprocessors;
  return {
    params: { ...attentionGeometry(inputs, attrs), straight: pairs ? Math.ceil(tiles / 2) : tiles },
    grid: [tiles * heads],
  };
}

function kernelsFor({ headDim }: AttentionAttrs): HeadKernels {
  return HEAD_KERNELS.find(({ columns }) => headDim <= columns) as HeadKernels;
}
