/**
 * @file Attention on engine `webgpu`, in the manner of Dao et al. 2022: softmax over tiles of keys with a running maximum;
 * backward in two passes over tiles (dq, then dk and dv) that form P = exp(s - lse) anew. Nothing of size Q x T is stored,
 * and nothing is summed in an order that could change. Which keys a query sees is found on the GPU, from rows and offsets.
 */
import {
  gpuKernel,
  gpuLauncher,
  gpuVariants,
  type Launcher,
  type OpKernel,
  spread,
  workgroupSum,
} from '@arena/runtime';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { attentionGeometry } from './geometry.js';
import type { AttentionAttrs } from './op.js';
import {
  ATTENTION_DECLARATIONS,
  ATTENTION_PARAMS,
  type AttentionVariant,
  addProduct,
  bound,
  EMPTY_SPAN,
  eachScore,
  type HeadRows,
  inTile,
  PLACE,
  products,
  SPAN_OF_ROW,
  storeSums,
  TILE,
} from './tile-wgsl.js';

type Inputs = { [name: string]: TensorInfo };

/** Invocations that sum a row of do o. */
const SUM_LANES = 64;

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

const forward = gpuVariants((variant: AttentionVariant) =>
  gpuKernel({
    name: `Attention ${JSON.stringify(variant)}`,
    inputs: { q: 'f32', k: 'f32', v: 'f32', offsets: 'i32', rows: 'i32' },
    outputs: { o: 'f32', lse: 'f32' },
    params: ATTENTION_PARAMS,
    declarations: `${ATTENTION_DECLARATIONS}
      ${SPAN_OF_ROW}
      var<workgroup> maximum: array<f32, ${TILE}>;
      var<workgroup> sum: array<f32, ${TILE}>;
      var<workgroup> factor: array<f32, ${TILE}>;`,
    main: `
      let q0 = group.x * ${TILE}u;
      let head = group.y;
      let keyHead = head / (params.heads / params.keyValueHeads);
      ${PLACE}
      if (lane < ${TILE}u) {
        maximum[lane] = -1e30;
        sum[lane] = 0.0;
        spanOf[lane] = ${EMPTY_SPAN};
        if (q0 + lane < params.queries) { spanOf[lane] = spanOfRow(q0 + lane); }
      }
      workgroupBarrier();
      // rows ascend, and so do their first and last keys
      if (lane == 0u) { range = vec2u(spanOf[0].x, spanOf[min(${TILE}u, params.queries - q0) - 1u].y + 1u); }
      let keys = workgroupUniformLoad(&range);
      var sums: array<vec4f, ${variant.chunks}>;
      for (var k0 = keys.x; k0 < keys.y; k0 += ${TILE}u) {
        ${products('z', queryRows('q'), keyRows('k'), variant)}
        ${eachScore((c, row, column) => `${inTile(row, column)} = select(-1e30, capped(z.${c}), visible(${row}, k0 + ${column}));`)}
        workgroupBarrier();
        if (lane < ${TILE}u) {
          var most = maximum[lane];
          for (var e = 0u; e < ${bound(TILE, 'tile', variant)}; e++) { most = max(most, ${inTile('lane', 'e')}); }
          let change = exp(maximum[lane] - most);
          var total = sum[lane] * change;
          for (var e = 0u; e < ${bound(TILE, 'tile', variant)}; e++) {
            let s = ${inTile('lane', 'e')};
            let p = select(0.0, exp(s - most), s > -1e29);
            ${inTile('lane', 'e')} = p;
            total += p;
          }
          maximum[lane] = most;
          sum[lane] = total;
          factor[lane] = change;
        }
        workgroupBarrier();
        let change = vec4f(factor[ty], factor[ty], factor[ty + 16u], factor[ty + 16u]);
        for (var chunk = 0u; chunk < ${bound(variant.chunks, 'chunks', variant)}; chunk++) { sums[chunk] *= change; }
        ${addProduct('sums', keyRows('v'), false, variant)}
      }
      let inverse0 = 1.0 / max(sum[ty], 1e-30);
      let inverse1 = 1.0 / max(sum[ty + 16u], 1e-30);
      ${storeSums('sums', queryRows('o'), variant, ['inverse0', 'inverse1'])}
      if (lane < ${TILE}u && q0 + lane < params.queries) {
        lse[(q0 + lane) * params.heads + head] = maximum[lane] + log(sum[lane]);
      }`,
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

const BACKWARD_DECLARATIONS = `${ATTENTION_DECLARATIONS}
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

const scoreGradients = eachScore(
  (c, row, column) => `${inTile(row, column)} = p${c} * (dp.${c} - rowStats[${row}].y) * cappedSlope(s${c});`,
);

const backwardQueries = gpuVariants((variant: AttentionVariant) =>
  gpuKernel({
    name: `AttentionBackwardQueries ${JSON.stringify(variant)}`,
    inputs: { q: 'f32', k: 'f32', v: 'f32', dO: 'f32', stats: 'f32', spans: 'u32' },
    outputs: { dq: 'f32' },
    params: ATTENTION_PARAMS,
    declarations: BACKWARD_DECLARATIONS,
    main: `
      let q0 = group.x * ${TILE}u;
      let head = group.y;
      let keyHead = head / (params.heads / params.keyValueHeads);
      ${PLACE}
      ${LOAD_ROWS}
      if (lane == 0u) { range = vec2u(spanOf[0].x, spanOf[min(${TILE}u, params.queries - q0) - 1u].y + 1u); }
      let keys = workgroupUniformLoad(&range);
      var sums: array<vec4f, ${variant.chunks}>;
      for (var k0 = keys.x; k0 < keys.y; k0 += ${TILE}u) {
        ${products('z', queryRows('q'), keyRows('k'), variant)}
        ${products('dp', queryRows('dO'), keyRows('v'), variant)}
        ${probabilities}
        ${scoreGradients}
        ${addProduct('sums', keyRows('k'), false, variant)}
      }
      ${storeSums('sums', queryRows('dq'), variant)}`,
  }),
);

/** A workgroup takes 32 keys of a key head and goes over all query rows that see them, of all query heads that share it. */
const backwardKeys = gpuVariants((variant: AttentionVariant) =>
  gpuKernel({
    name: `AttentionBackwardKeys ${JSON.stringify(variant)}`,
    inputs: { q: 'f32', k: 'f32', v: 'f32', dO: 'f32', stats: 'f32', spans: 'u32' },
    outputs: { dk: 'f32', dv: 'f32' },
    params: ATTENTION_PARAMS,
    declarations: `${BACKWARD_DECLARATIONS}
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
      var keySums: array<vec4f, ${variant.chunks}>;
      var valueSums: array<vec4f, ${variant.chunks}>;
      for (var head = keyHead * shared_; head < (keyHead + 1u) * shared_; head++) {
        for (var q0 = queries.x; q0 < queries.y; q0 += ${TILE}u) {
          ${LOAD_ROWS}
          ${products('z', queryRows('q'), keyRows('k'), variant)}
          ${probabilities}
          ${eachScore((c, row, column) => `${inTile(row, column)} = p${c};`)}
          ${addProduct('valueSums', queryRows('dO'), true, variant)}
          ${products('dp', queryRows('dO'), keyRows('v'), variant)}
          ${scoreGradients}
          ${addProduct('keySums', queryRows('q'), true, variant)}
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
  return { chunks: Math.ceil(headDim / TILE), dynamic: software };
}

function paramsOf(inputs: Inputs, attrs: AttentionAttrs): { [name: string]: number } {
  return { ...attentionGeometry(inputs, attrs), chunks: Math.ceil(attrs.headDim / TILE), tile: TILE };
}
