/**
 * @file Attention on engine `webgpu`, in the manner of Dao et al. 2022: softmax over tiles of keys with a running maximum;
 * backward in two passes over tiles (dq, then dk and dv) that form P = exp(s - lse) anew. Nothing of size Q x T is stored,
 * and nothing is summed in an order that could change. Which keys a query sees is found on the GPU, from rows and offsets.
 */
import type { OpKernel } from '@arena/runtime/op';
import { gpuKernel, gpuLauncher, gpuVariants, type Launcher, spread, workgroupSum } from '@arena/runtime/webgpu';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import type { AttentionAttrs } from '../attrs.js';
import { attentionGeometry } from '../geometry.js';
import {
  ATTENTION_DECLARATIONS,
  ATTENTION_PARAMS,
  type AttentionVariant,
  addProduct,
  EMPTY_SPAN,
  eachScore,
  eachWide,
  type HeadRows,
  inTile,
  PLACE,
  products,
  readers,
  SPAN_OF_ROW,
  storeSums,
  TILE,
  WIDE,
} from './tile.js';

type Inputs = { [name: string]: TensorInfo };

/** Invocations that sum a row of do o. */
const SUM_LANES = 64;

const element = ({ whole }: AttentionVariant) => (whole ? 'vec4f' : 'f32');

const queryRows = (name: string): HeadRows => ({
  name,
  first: 'q0',
  rows: 'params.queries',
  stride: 'queryStride',
  head: 'head',
});
const keyRows = (name: string): HeadRows => ({
  name,
  first: 'k0',
  rows: 'params.tokens',
  stride: 'keyStride',
  head: 'keyHead',
});

/** Invocations that share a row's softmax, and the columns of each. */
const ROW_LANES = 256 / TILE;
const OWN = Array.from({ length: TILE / ROW_LANES }, (_, j) => j);

const forward = gpuVariants((variant: AttentionVariant) =>
  gpuKernel({
    name: `Attention ${JSON.stringify(variant)}`,
    inputs: { q: element(variant), k: element(variant), v: element(variant), offsets: 'i32', rows: 'i32' },
    outputs: { o: element(variant), lse: 'f32' },
    params: ATTENTION_PARAMS,
    declarations: `${ATTENTION_DECLARATIONS}
      ${readers(['q', 'k', 'v'], variant)}
      ${SPAN_OF_ROW}
      var<workgroup> parts: array<f32, 256>;
      var<workgroup> factor: array<f32, ${TILE}>;`,
    main: `
      let q0 = group.x * ${TILE}u;
      let head = group.y;
      let keyHead = head / (params.heads / params.keyValueHeads);
      ${PLACE}
      if (lane < ${TILE}u) {
        spanOf[lane] = ${EMPTY_SPAN};
        if (q0 + lane < params.queries) { spanOf[lane] = spanOfRow(q0 + lane); }
      }
      workgroupBarrier();
      // rows ascend, and so do their first and last keys
      if (lane == 0u) { range = vec2u(spanOf[0].x, spanOf[min(${TILE}u, params.queries - q0) - 1u].y + 1u); }
      let keys = workgroupUniformLoad(&range);
      // eight invocations share the softmax of a row: each knows its maximum, and sums its own columns
      let own = lane / ${ROW_LANES}u;
      let first = lane % ${ROW_LANES}u;
      var most = -1e30;
      var total = 0.0;
      var sums: array<vec4f, ${2 * variant.wide}>;
      for (var k0 = keys.x; k0 < keys.y; k0 += ${TILE}u) {
        ${products('z', queryRows('q'), keyRows('k'), variant)}
        ${eachScore((c, row, column) => `${inTile(row, column)} = select(-1e30, capped(z.${c}), visible(${row}, k0 + ${column}));`)}
        workgroupBarrier();
        ${OWN.map((j) => `let s${j} = ${inTile('own', `(first + ${ROW_LANES * j}u)`)};`).join('\n')}
        parts[lane] = max(max(s0, s1), max(s2, s3));
        workgroupBarrier();
        var next = most;
        for (var j = 0u; j < ${ROW_LANES}u; j++) { next = max(next, parts[own * ${ROW_LANES}u + j]); }
        let change = exp(most - next);
        most = next;
        ${OWN.map(
          (j) => `let p${j} = select(0.0, exp(s${j} - most), s${j} > -1e29);
          ${inTile('own', `(first + ${ROW_LANES * j}u)`)} = p${j};`,
        ).join('\n')}
        total = total * change + (p0 + p1 + p2 + p3);
        if (first == 0u) { factor[own] = change; }
        workgroupBarrier();
        ${eachWide(variant, (chunk) => `sums[2u * ${chunk}] *= factor[ty]; sums[2u * ${chunk} + 1u] *= factor[ty + 16u];`)}
        ${addProduct('sums', keyRows('v'), variant)}
      }
      parts[lane] = total;
      workgroupBarrier();
      if (first == 0u) {
        for (var j = 1u; j < ${ROW_LANES}u; j++) { total += parts[lane + j]; }
        factor[own] = 1.0 / max(total, 1e-30);
        if (q0 + own < params.queries) { lse[(q0 + own) * params.heads + head] = most + log(total); }
      }
      workgroupBarrier();
      ${storeSums('sums', queryRows('o'), variant, ['factor[ty]', 'factor[ty + 16u]'])}`,
  }),
);

/** D = rowsum(do o) beside lse, and each row's first and last key, so that the next kernels bind at most 8 buffers. */
const prepare = gpuVariants((subgroups: boolean) =>
  gpuKernel({
    name: 'AttentionPrepare',
    inputs: { dO: 'f32', o: 'f32', lse: 'f32', offsets: 'i32', rows: 'i32' },
    outputs: { stats: 'f32', spans: 'u32' },
    params: ATTENTION_PARAMS,
    workgroupSize: SUM_LANES,
    enable: subgroups ? ['subgroups'] : [],
    declarations: `${SPAN_OF_ROW}\n${workgroupSum(SUM_LANES, subgroups)}`,
    main: `
    if (workgroup >= params.queries * params.heads) { return; } // workgroup: a query row and head
    var product = 0.0;
    for (var d = lane; d < params.headDim; d += ${SUM_LANES}u) {
      let at = workgroup * params.headDim + d;
      product += dO[at] * o[at];
    }
    let total = sumOf(product, lane);
    if (lane == 0u) {
      stats[2u * workgroup] = lse[workgroup];
      stats[2u * workgroup + 1u] = total;
      if (workgroup % params.heads == 0u) {
        let row = workgroup / params.heads;
        let span = spanOfRow(row);
        spans[2u * row] = span.x;
        spans[2u * row + 1u] = span.y;
      }
    }`,
  }),
);

const heads = (variant: AttentionVariant) =>
  ({ q: element(variant), k: element(variant), v: element(variant), dO: element(variant) }) as const;

const backwardDeclarations = (variant: AttentionVariant) => `${ATTENTION_DECLARATIONS}
  ${readers(['q', 'k', 'v', 'dO'], variant)}
  var<workgroup> rowStats: array<vec2f, ${TILE}>; // lse and D`;

const LOAD_ROWS = `
  if (lane < ${TILE}u) {
    spanOf[lane] = ${EMPTY_SPAN};
    if (q0 + lane < params.queries) {
      let row = q0 + lane;
      let at = 2u * (row * params.heads + head);
      spanOf[lane] = vec2u(spans[2u * row], spans[2u * row + 1u]);
      rowStats[lane] = vec2f(stats[at], stats[at + 1u]);
    }
  }
  workgroupBarrier();`;

const probabilities = eachScore(
  (c, row, column) =>
    `let s${c} = capped(z.${c});
     let p${c} = select(0.0, exp(min(s${c} - rowStats[${row}].x, 88.0)), visible(${row}, k0 + ${column}));`,
);

/** `place`: where a row's and column's value goes. */
const scoreGradients = (place: (row: string, column: string) => string) =>
  eachScore((c, row, column) => `${place(row, column)} = p${c} * (dp.${c} - rowStats[${row}].y) * cappedSlope(s${c});`);

const backwardQueries = gpuVariants((variant: AttentionVariant) =>
  gpuKernel({
    name: `AttentionBackwardQueries ${JSON.stringify(variant)}`,
    inputs: { ...heads(variant), stats: 'f32', spans: 'u32' },
    outputs: { dq: element(variant) },
    params: ATTENTION_PARAMS,
    declarations: backwardDeclarations(variant),
    main: `
      let q0 = group.x * ${TILE}u;
      let head = group.y;
      let keyHead = head / (params.heads / params.keyValueHeads);
      ${PLACE}
      ${LOAD_ROWS}
      if (lane == 0u) { range = vec2u(spanOf[0].x, spanOf[min(${TILE}u, params.queries - q0) - 1u].y + 1u); }
      let keys = workgroupUniformLoad(&range);
      var sums: array<vec4f, ${2 * variant.wide}>;
      for (var k0 = keys.x; k0 < keys.y; k0 += ${TILE}u) {
        ${products('z', queryRows('q'), keyRows('k'), variant)}
        ${products('dp', queryRows('dO'), keyRows('v'), variant)}
        ${probabilities}
        ${scoreGradients(inTile)}
        ${addProduct('sums', keyRows('k'), variant)}
      }
      ${storeSums('sums', queryRows('dq'), variant)}`,
  }),
);

/** A workgroup takes 32 keys of a key head and goes over all query rows that see them, of all query heads that share it. */
const backwardKeys = gpuVariants((variant: AttentionVariant) =>
  gpuKernel({
    name: `AttentionBackwardKeys ${JSON.stringify(variant)}`,
    inputs: { ...heads(variant), stats: 'f32', spans: 'u32' },
    outputs: { dk: element(variant), dv: element(variant) },
    params: ATTENTION_PARAMS,
    declarations: `${backwardDeclarations(variant)}
      // the first row whose first (0) or last (1) key is at least the given one: both ascend
      fn firstRow(which: u32, key: u32) -> u32 {
        var low = 0u;
        var high = params.queries;
        while (low < high) {
          let middle = (low + high) / 2u;
          if (spans[2u * middle + which] < key) { low = middle + 1u; } else { high = middle; }
        }
        return low;
      }`,
    main: `
      let k0 = group.x * ${TILE}u;
      let keyHead = group.y;
      let shared_ = params.heads / params.keyValueHeads;
      ${PLACE}
      if (lane == 0u) { range = vec2u(firstRow(1u, k0), firstRow(0u, k0 + ${TILE}u)); }
      let queries = workgroupUniformLoad(&range);
      var keySums: array<vec4f, ${2 * variant.wide}>;
      var valueSums: array<vec4f, ${2 * variant.wide}>;
      for (var head = keyHead * shared_; head < (keyHead + 1u) * shared_; head++) {
        for (var q0 = queries.x; q0 < queries.y; q0 += ${TILE}u) {
          ${LOAD_ROWS}
          ${products('z', queryRows('q'), keyRows('k'), variant)}
          ${probabilities}
          ${eachScore((c, row, column) => `${inTile(column, row)} = p${c};`)}
          ${addProduct('valueSums', queryRows('dO'), variant)}
          ${products('dp', queryRows('dO'), keyRows('v'), variant)}
          ${scoreGradients((row, column) => inTile(column, row))}
          ${addProduct('keySums', queryRows('q'), variant)}
        }
      }
      ${storeSums('keySums', keyRows('dk'), variant)}
      ${storeSums('valueSums', keyRows('dv'), variant)}`,
  }),
);

export const attentionWebgpu: OpKernel<AttentionAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = gpuLauncher(backend);
  const { numHeads } = attrs;
  const [queries] = inputs.q.shape;
  return launcher.run(forward(variantOf(launcher, attrs)), {
    inputs,
    outputs: { o: inputs.q.shape, lse: [queries, numHeads] },
    params: paramsOf(inputs, attrs),
    groups: [Math.ceil(queries / TILE), numHeads],
  });
};

export const attentionBackwardWebgpu: OpKernel<AttentionAttrs> = ({ inputs, attrs, backend }) => {
  const launcher = gpuLauncher(backend);
  const { numHeads, numKeyValueHeads } = attrs;
  const { q, k, v, o, lse, offsets, rows, do: dO } = inputs;
  const [queries] = q.shape;
  const variant = variantOf(launcher, attrs);
  const params = paramsOf(inputs, attrs);
  const [stats, spans] = launcher.run(prepare(launcher.subgroups), {
    inputs: { dO, o, lse, offsets, rows },
    outputs: { stats: [queries, numHeads, 2], spans: { shape: [queries, 2], dtype: 'int32' } },
    params,
    groups: spread(queries * numHeads),
  });
  const shared = { inputs: { q, k, v, dO, stats, spans }, params };
  const [dq] = launcher.run(backwardQueries(variant), {
    ...shared,
    outputs: { dq: q.shape },
    groups: [Math.ceil(queries / TILE), numHeads],
  });
  const [dk, dv] = launcher.run(backwardKeys(variant), {
    ...shared,
    outputs: { dk: k.shape, dv: v.shape },
    groups: [Math.ceil(k.shape[0] / TILE), numKeyValueHeads],
  });
  backend.disposeData(stats.dataId);
  backend.disposeData(spans.dataId);
  return [dq, dk, dv];
};

function variantOf({ software }: Launcher, { headDim }: AttentionAttrs): AttentionVariant {
  return { ...partsOf(headDim), dynamic: software, whole: headDim % 4 === 0 };
}

function partsOf(headDim: number) {
  return { chunks: Math.ceil(headDim / TILE), wide: Math.ceil(headDim / WIDE) };
}

function paramsOf(inputs: Inputs, attrs: AttentionAttrs): { [name: string]: number } {
  return { ...attentionGeometry(inputs, attrs), ...partsOf(attrs.headDim), tile: TILE };
}
