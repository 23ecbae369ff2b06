/** @file Attention and its gradient in plain tfjs ops: one sequence at a time, with the whole score matrix in memory. */

import {
  add,
  concat,
  div,
  exp,
  logSumExp,
  matMul,
  mul,
  reshape,
  scalar,
  slice,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor2D,
  tanh,
  tensor2d,
  tile,
  transpose,
} from '@tensorflow/tfjs-core';
import type { AttentionAttrs, AttentionBackwardInputs, AttentionInputs } from './attrs.js';

const HIDDEN = -1e30; // finite, so that no row becomes NaN

export function attentionReference(inputs: AttentionInputs, attrs: AttentionAttrs): Tensor[] {
  const parts = sequences(inputs).map((span) => {
    const { scores } = spanScores(inputs, attrs, span);
    const lse = logSumExp(scores, -1, true); // [H, Q, 1]
    const o = matMul(exp(sub(scores, lse)), repeatHeads(spanKeys(inputs.v, attrs, span), attrs));
    return { o: joinHeads(o), lse: transpose(reshape(lse, [attrs.numHeads, span.queries])) };
  });
  return [
    concat(
      parts.map(({ o }) => o),
      0,
    ),
    concat(
      parts.map(({ lse }) => lse),
      0,
    ),
  ];
}

export function attentionBackwardReference(inputs: AttentionBackwardInputs, attrs: AttentionAttrs): Tensor[] {
  const { numHeads, scale, softcap } = attrs;
  const parts = sequences(inputs).map((span) => {
    const { firstQuery, queries, length } = span;
    const k = repeatHeads(spanKeys(inputs.k, attrs, span), attrs); // [H, S, D]
    const v = repeatHeads(spanKeys(inputs.v, attrs, span), attrs);
    const dO = splitHeads(slice(inputs.do, [firstQuery, 0], [queries, -1]), attrs); // [H, Q, D]
    const o = splitHeads(slice(inputs.o, [firstQuery, 0], [queries, -1]), attrs);
    const { q, scores, capped } = spanScores(inputs, attrs, span);
    const lse = reshape(transpose(slice(inputs.lse, [firstQuery, 0], [queries, -1])), [numHeads, queries, 1]);
    const p = exp(sub(scores, lse)); // [H, Q, S]
    const dp = matMul(dO, v, false, true);
    const ds = mul(p, sub(dp, sum(mul(dO, o), -1, true)));
    const dz = mul(softcap ? mul(ds, sub(scalar(1), square(div(capped, scalar(softcap))))) : ds, scalar(scale));
    const shape = [attrs.numKeyValueHeads, numHeads / attrs.numKeyValueHeads, length, attrs.headDim];
    const overGroup = (perHead: Tensor) => joinHeads(sum(reshape(perHead, shape), 1));
    return {
      dq: joinHeads(matMul(dz, k)),
      dk: overGroup(matMul(dz, q, true, false)),
      dv: overGroup(matMul(p, dO, true, false)),
    };
  });
  return (['dq', 'dk', 'dv'] as const).map((name) =>
    concat(
      parts.map((part) => part[name]),
      0,
    ),
  );
}

/** Attention probabilities [numHeads, Q, S] of the sequence with the given number, for looking at. */
export function attentionProbabilities(inputs: AttentionInputs, attrs: AttentionAttrs, sequence: number): Tensor {
  const { scores } = spanScores(inputs, attrs, sequences(inputs)[sequence]);
  return exp(sub(scores, logSumExp(scores, -1, true)));
}

/** One sequence: its tokens [start, start + length) and its query rows [firstQuery, firstQuery + queries). */
interface Span {
  start: number;
  length: number;
  firstQuery: number;
  queries: number;
}

function sequences({ offsets, rows }: AttentionInputs): Span[] {
  const starts = offsets.dataSync();
  const queryRows = rows.dataSync();
  const spans: Span[] = [];
  let firstQuery = 0;
  for (let i = 0; i + 1 < starts.length; i++) {
    let end = firstQuery;
    while (end < queryRows.length && queryRows[end] < starts[i + 1]) end++;
    spans.push({ start: starts[i], length: starts[i + 1] - starts[i], firstQuery, queries: end - firstQuery });
    firstQuery = end;
  }
  return spans;
}

function spanScores(inputs: AttentionInputs, attrs: AttentionAttrs, span: Span) {
  const { scale, softcap, slidingWindow } = attrs;
  const { start, length, firstQuery, queries } = span;
  const q = splitHeads(slice(inputs.q, [firstQuery, 0], [queries, -1]), attrs); // [H, Q, D]
  const k = repeatHeads(spanKeys(inputs.k, attrs, span), attrs); // [H, S, D]
  const z = mul(matMul(q, k, false, true), scalar(scale));
  const capped = softcap ? mul(tanh(div(z, scalar(softcap))), scalar(softcap)) : z;
  const rows = inputs.rows.dataSync();
  const mask = new Float32Array(queries * length);
  for (let i = 0; i < queries; i++) {
    const position = rows[firstQuery + i] - start;
    for (let j = 0; j < length; j++) {
      const visible = j <= position && (!slidingWindow || j > position - slidingWindow);
      if (!visible) mask[i * length + j] = HIDDEN;
    }
  }
  return { q, capped, scores: add(capped, tensor2d(mask, [queries, length])) };
}

function spanKeys(x: Tensor, attrs: AttentionAttrs, { start, length }: Span): Tensor {
  return splitHeads(slice(x, [start, 0], [length, -1]), attrs);
}

/** [rows, heads * D] -> [heads, rows, D] */
function splitHeads(x: Tensor, { headDim }: AttentionAttrs): Tensor {
  const [rows, width] = x.shape;
  return transpose(reshape(x, [rows, width / headDim, headDim]), [1, 0, 2]);
}

/** [heads, rows, D] -> [rows, heads * D] */
function joinHeads(x: Tensor): Tensor2D {
  const [heads, rows, headDim] = x.shape;
  return reshape(transpose(x, [1, 0, 2]), [rows, heads * headDim]);
}

/** [KV, S, D] -> [H, S, D]: key head g serves query heads g * H / KV and on. */
function repeatHeads(x: Tensor, { numHeads, numKeyValueHeads }: AttentionAttrs): Tensor {
  const [, length, headDim] = x.shape;
  const group = numHeads / numKeyValueHeads;
  const repeated = tile(reshape(x, [numKeyValueHeads, 1, length, headDim]), [1, group, 1, 1]);
  return reshape(repeated, [numHeads, length, headDim]);
}
