/** @file Attention and its gradients in float64, a query row at a time: what the kernels of rounded factors are held against. */
import type { AttentionAttrs } from '@arena/decoder/ops';

export interface Attention64 {
  given: {
    /** [Q, heads, headDim] */
    q: Float32Array;
    /** [T, keyValueHeads, headDim] */
    k: Float32Array;
    v: Float32Array;
    dO: Float32Array;
    offsets: number[];
    rows: number[];
  };
}

export function attention64(attrs: AttentionAttrs, { q, k, v, dO, offsets, rows }: Attention64['given']) {
  const { numHeads, numKeyValueHeads, headDim, scale, softcap, slidingWindow } = attrs;
  const o = new Float64Array(q.length);
  const lse = new Float64Array(rows.length * numHeads);
  const dq = new Float64Array(q.length);
  const dk = new Float64Array(k.length);
  const dv = new Float64Array(v.length);
  const dot = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number) => {
    let sum = 0;
    for (let d = 0; d < headDim; d++) sum += a[i + d] * b[j + d];
    return sum;
  };
  const add = (to: Float64Array, i: number, factor: number, from: ArrayLike<number>, j: number) => {
    for (let d = 0; d < headDim; d++) to[i + d] += factor * from[j + d];
  };
  rows.forEach((token, r) => {
    const start = offsets.filter((offset) => offset <= token).pop() as number;
    const first = slidingWindow ? Math.max(start, token - slidingWindow + 1) : start;
    for (let h = 0; h < numHeads; h++) {
      const row = (r * numHeads + h) * headDim;
      const keyHead = Math.floor((h * numKeyValueHeads) / numHeads);
      const keys = Array.from(
        { length: token - first + 1 },
        (_, j) => ((first + j) * numKeyValueHeads + keyHead) * headDim,
      );
      const scores = keys.map((key) => {
        const z = scale * dot(q, row, k, key);
        return softcap ? softcap * Math.tanh(z / softcap) : z;
      });
      const most = Math.max(...scores);
      lse[r * numHeads + h] = most + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - most), 0));
      const p = scores.map((s) => Math.exp(s - lse[r * numHeads + h]));
      keys.forEach((key, j) => {
        add(o, row, p[j], v, key);
      });
      const product = dot(dO, row, o, row);
      keys.forEach((key, j) => {
        const slope = softcap ? 1 - (scores[j] / softcap) ** 2 : 1;
        const dz = scale * slope * p[j] * (dot(dO, row, v, key) - product);
        add(dq, row, dz, k, key);
        add(dk, key, dz, q, row);
        add(dv, key, p[j], dO, row);
      });
    }
  });
  return { o, lse, dq, dk, dv };
}
