/** @file Attention and its gradients on engine `cuda`: in float32 in tiles of 32 query rows and 32 keys, or on tensor cores (mma.ts). */

import { type CudaKernel, cudaKernel, cudaLauncher } from '@arena/runtime/cuda';
import type { OpKernel } from '@arena/runtime/op';
import { ptx } from '../../../cuda/ptx.js';
import { DecoderError } from '../../../error.js';
import type { AttentionAttrs } from '../attrs.js';
import { attentionGeometry, GEOMETRY_PARAMS as params } from '../geometry.js';
import { attentionBackwardMma, attentionMma, fitsMma } from './mma.js';

/** Query rows, or keys, of a block. */
const TILE = 32;
const THREADS = 256;

/** Kernels for heads of up to so many columns. */
interface HeadKernels {
  columns: number;
  forward: CudaKernel;
  queries: CudaKernel;
  keys: CudaKernel;
}

const MOST_COLUMNS = 256;
const HEAD_KERNELS = [32, 64, 128, 256].map((columns): HeadKernels => {
  const saved = ['q', 'k', 'v', 'dO', 'stats', 'spans'];
  const common = { params, threads: THREADS };
  return {
    columns,
    forward: cudaKernel({
      ptx,
      name: `attention${columns}`,
      inputs: ['q', 'k', 'v', 'offsets', 'rows'],
      outputs: ['o', 'lse'],
      ...common,
    }),
    queries: cudaKernel({ ptx, name: `attentionQueries${columns}`, inputs: saved, outputs: ['dq'], ...common }),
    keys: cudaKernel({ ptx, name: `attentionKeys${columns}`, inputs: saved, outputs: ['dk', 'dv'], ...common }),
  };
});

/** D = rowsum(do o) beside lse for each query row and head, a warp each, and each row's first and last key. */
const prepare = cudaKernel({
  ptx,
  name: 'attentionPrepare',
  inputs: ['dO', 'o', 'lse', 'offsets', 'rows'],
  outputs: ['stats', 'spans'],
  params,
  threads: 128,
});
const WARPS = 4;

export const attentionCuda: OpKernel<AttentionAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = cudaLauncher(backend);
  const { numHeads } = attrs;
  const [queries] = inputs.q.shape;
  if (launcher.bf16 && fitsMma(attrs)) return attentionMma(launcher, inputs, attrs);
  return launcher.run(kernelsFor(attrs).forward, {
    inputs,
    outputs: { o: inputs.q.shape, lse: [queries, numHeads] },
    params: attentionGeometry(inputs, attrs),
    grid: [Math.ceil(queries / TILE), numHeads],
  });
};

export const attentionBackwardCuda: OpKernel<AttentionAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = cudaLauncher(backend);
  if (launcher.bf16 && fitsMma(attrs)) return attentionBackwardMma(launcher, inputs, attrs);
  const { numHeads, numKeyValueHeads } = attrs;
  const { q, k, v, o, lse, offsets, rows, do: dO } = inputs;
  const [queries] = q.shape;
  const kernels = kernelsFor(attrs);
  const numbers = attentionGeometry(inputs, attrs);
  return launcher.scope(() => {
    const [stats, spans] = launcher.run(prepare, {
      inputs: { dO, o, lse, offsets, rows },
      outputs: { stats: [queries, numHeads, 2], spans: { shape: [queries, 2], dtype: 'int32' } },
      params: numbers,
      grid: [Math.ceil((queries * numHeads) / WARPS)],
    });
    const saved = { inputs: { q, k, v, dO, stats, spans }, params: numbers };
    const [dq] = launcher.run(kernels.queries, {
      ...saved,
      outputs: { dq: q.shape },
      grid: [Math.ceil(queries / TILE), numHeads],
    });
    const [dk, dv] = launcher.run(kernels.keys, {
      ...saved,
      outputs: { dk: k.shape, dv: v.shape },
      grid: [Math.ceil(k.shape[0] / TILE), numKeyValueHeads],
    });
    return [dq, dk, dv];
  });
};

function kernelsFor({ headDim }: AttentionAttrs): HeadKernels {
  const kernels = HEAD_KERNELS.find(({ columns }) => headDim <= columns);
  if (kernels) return kernels;
  throw new DecoderError(
    'config',
    `attention on engine 'cuda' takes heads of up to ${MOST_COLUMNS} columns, not ${headDim}: use engine 'wasm'`,
  );
}
