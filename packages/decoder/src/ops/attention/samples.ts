/** @file What the conformance suite feeds Attention and its backward. */
import type { OpSample } from '@arena/runtime/op';
import { drawer, int32 } from '../samples.js';
import type { AttentionAttrs } from './attrs.js';

interface Size {
  lengths: number[];
  heads: [number, number, number];
  softcap?: number;
  slidingWindow?: number;
  /** Only the last token of each sequence asks. */
  pooled?: boolean;
}

const SIZES: Size[] = [
  { lengths: [1], heads: [1, 1, 4] },
  { lengths: [63, 2], heads: [2, 1, 16], softcap: 50 },
  { lengths: [64], heads: [4, 2, 16], softcap: 50, slidingWindow: 8 },
  { lengths: [65, 1, 64], heads: [4, 2, 20], softcap: 2 },
  { lengths: [5, 130], heads: [4, 1, 32], softcap: 30, slidingWindow: 100 },
  { lengths: [33, 70, 9], heads: [4, 2, 16], softcap: 50, pooled: true },
  { lengths: [100], heads: [3, 3, 6], slidingWindow: 5, pooled: true },
  { lengths: [1900], heads: [2, 1, 8], softcap: 50 },
  { lengths: [37, 30], heads: [2, 1, 136], softcap: 50 },
  { lengths: [150, 1, 300], heads: [4, 2, 32], softcap: 30, slidingWindow: 140 },
];

export function attentionSamples(): OpSample<AttentionAttrs>[] {
  return SIZES.map(({ lengths, heads, softcap = 0, slidingWindow = 0, pooled = false }, i) => {
    const [numHeads, numKeyValueHeads, headDim] = heads;
    const tokens = lengths.reduce((a, b) => a + b, 0);
    const offsets = [0];
    for (const length of lengths) offsets.push(offsets[offsets.length - 1] + length);
    const rows = pooled ? offsets.slice(1).map((end) => end - 1) : Array.from({ length: tokens }, (_, t) => t);
    const draw = drawer(600 + i);
    const window = slidingWindow ? `, window ${slidingWindow}` : '';
    return {
      name: `tokens ${lengths.join('+')}, heads ${heads.join('/')}, cap ${softcap}${window}${pooled ? ', pooled' : ''}`,
      attrs: { numHeads, numKeyValueHeads, headDim, scale: headDim ** -0.5, softcap, slidingWindow },
      inputs: {
        q: draw([rows.length, numHeads * headDim], 2),
        k: draw([tokens, numKeyValueHeads * headDim], 2),
        v: draw([tokens, numKeyValueHeads * headDim]),
        offsets: int32(offsets),
        rows: int32(rows),
      },
      tolerance: 1e-4,
    };
  });
}

/** o and lse are the forward pass's in float64, so that the backward is tested alone. */
export function attentionBackwardSamples(): OpSample<AttentionAttrs>[] {
  return attentionSamples().map((sample, i) => {
    const { q } = sample.inputs;
    const { o, lse } = forward64(sample);
    return {
      ...sample,
      inputs: {
        ...sample.inputs,
        do: drawer(650 + i)(q.shape),
        o: { shape: q.shape, dtype: 'float32', values: o },
        lse: { shape: [q.shape[0], sample.attrs.numHeads], dtype: 'float32', values: lse },
      },
    };
  });
}

/** Attention written out in float64. */
export function forward64({ attrs, inputs }: OpSample<AttentionAttrs>) {
  const { numHeads, numKeyValueHeads, headDim, scale, softcap, slidingWindow } = attrs;
  const { q, k, v, offsets, rows } = inputs;
  const o = new Float32Array(q.values.length);
  const lse = new Float32Array(rows.values.length * numHeads);
  rows.values.forEach((row, r) => {
    const start = Math.max(...[...offsets.values].filter((offset) => offset <= row));
    const first = slidingWindow ? Math.max(start, row - slidingWindow + 1) : start;
    for (let h = 0; h < numHeads; h++) {
      const g = Math.floor((h * numKeyValueHeads) / numHeads);
      const at = (token: number) => (token * numKeyValueHeads + g) * headDim;
      const scores: number[] = [];
      for (let j = first; j <= row; j++) {
        let dot = 0;
        for (let d = 0; d < headDim; d++) dot += q.values[(r * numHeads + h) * headDim + d] * k.values[at(j) + d];
        scores.push(softcap ? softcap * Math.tanh((scale * dot) / softcap) : scale * dot);
      }
      const max = Math.max(...scores);
      const total = scores.reduce((a, s) => a + Math.exp(s - max), 0);
      lse[r * numHeads + h] = max + Math.log(total);
      for (let d = 0; d < headDim; d++) {
        let mixed = 0;
        scores.forEach((s, j) => {
          mixed += (Math.exp(s - max) / total) * v.values[at(first + j) + d];
        });
        o[(r * numHeads + h) * headDim + d] = mixed;
      }
    }
  });
  return { o, lse };
}
