/**
 * @file What the attention kernels of engine `webgpu` share. A workgroup of 16 x 16 invocations works on 32 query rows and
 * 32 keys at a time; an invocation holds 2 x 2 of their 32 x 32 scores, and of each 32 columns of a head. Heads are staged
 * 32 columns at a time, so that 13 KiB of workgroup memory do for any head size.
 */

/** Query rows, keys and columns of a tile. */
export const TILE = 32;
/** Floats from row to row of a tile in workgroup memory: odd, against bank conflicts. */
const STRIDE = TILE + 1;

/** How a kernel is written for a device and head size. */
export interface AttentionVariant {
  /** Tiles that a head's columns take. */
  chunks: number;
  /** Loop bounds from memory: software drivers unroll constant ones, and then compile for minutes. */
  dynamic: boolean;
}

/** Numbers of a call. */
export const ATTENTION_PARAMS = {
  queries: 'u32',
  tokens: 'u32',
  heads: 'u32',
  keyValueHeads: 'u32',
  headDim: 'u32',
  sequences: 'u32',
  window: 'u32',
  chunks: 'u32',
  tile: 'u32',
  scale: 'f32',
  softcap: 'f32',
} as const;

/** Token and first visible key of a query row; needs the inputs `rows` and `offsets`. */
export const SPAN_OF_ROW = `fn spanOfRow(row: u32) -> vec2u {
  let token = u32(rows[row]);
  var low = 0u; // the sequence is the last that starts at or before the token
  var high = params.sequences;
  while (high - low > 1u) {
    let middle = (low + high) / 2u;
    if (u32(offsets[middle]) <= token) { low = middle; } else { high = middle; }
  }
  let start = u32(offsets[low]);
  if (token + 1u > params.window) { return vec2u(max(start, token + 1u - params.window), token); }
  return vec2u(start, token);
}`;

/** Tiles in workgroup memory, and the scores' functions. */
export const ATTENTION_DECLARATIONS = `
  var<workgroup> tileA: array<f32, ${TILE * STRIDE}>;
  var<workgroup> tileB: array<f32, ${TILE * STRIDE}>;
  var<workgroup> tileP: array<f32, ${TILE * STRIDE}>;
  var<workgroup> spanOf: array<vec2u, ${TILE}>; // first and last visible key of each query row
  var<workgroup> range: vec2u;
  fn visible(r: u32, key: u32) -> bool { return key >= spanOf[r].x && key <= spanOf[r].y; }
  fn capped(product: f32) -> f32 {
    let z = product * params.scale;
    if (params.softcap > 0.0) { return params.softcap * tanh(clamp(z / params.softcap, -15.0, 15.0)); }
    return z;
  }
  // d capped / d product, from the capped score
  fn cappedSlope(s: f32) -> f32 {
    if (params.softcap > 0.0) {
      let u = s / params.softcap;
      return params.scale * (1.0 - u * u);
    }
    return params.scale;
  }`;

/** No key is visible: rows beyond the last. */
export const EMPTY_SPAN = 'vec2u(0xffffffffu, 0u)';

/** Names of the invocation's place: rows ty and ty + 16, columns tx and tx + 16; floats from token to token. */
export const PLACE = `
  let tx = lane % 16u;
  let ty = lane / 16u;
  let queryStride = params.heads * params.headDim;
  let keyStride = params.keyValueHeads * params.headDim;`;

/** A matrix with a row a token, of which one head is read from row `first` on. */
export interface HeadRows {
  name: string;
  first: string;
  rows: string;
  stride: string;
  head: string;
}

/** The bound of a loop: a constant, or the same number read from `params`. */
export function bound(value: number, param: 'chunks' | 'tile', { dynamic }: AttentionVariant): string {
  return dynamic ? `params.${param}` : `${value}u`;
}

function stage(tile: string, { name, first, rows, stride, head }: HeadRows): string {
  return `for (var e = lane; e < ${TILE * TILE}u; e += 256u) {
    let r = ${first} + e / ${TILE}u;
    let d = chunk * ${TILE}u + e % ${TILE}u;
    var value = 0.0;
    if (r < ${rows} && d < params.headDim) { value = ${name}[r * ${stride} + ${head} * params.headDim + d]; }
    ${tile}[(e / ${TILE}u) * ${STRIDE}u + e % ${TILE}u] = value;
  }`;
}

/** Declares `out`: the 2 x 2 products of rows of `a` with rows of `b` over the head's columns. */
export function products(out: string, a: HeadRows, b: HeadRows, variant: AttentionVariant): string {
  return `var ${out} = vec4f(0.0);
  for (var chunk = 0u; chunk < ${bound(variant.chunks, 'chunks', variant)}; chunk++) {
    ${stage('tileA', a)}
    ${stage('tileB', b)}
    workgroupBarrier();
    for (var d = 0u; d < ${bound(TILE, 'tile', variant)}; d++) {
      let x = vec2f(tileA[ty * ${STRIDE}u + d], tileA[(ty + 16u) * ${STRIDE}u + d]);
      let y = vec2f(tileB[tx * ${STRIDE}u + d], tileB[(tx + 16u) * ${STRIDE}u + d]);
      ${out} += vec4f(x.x * y, x.y * y);
    }
    workgroupBarrier();
  }`;
}

/** Adds tileP B, or tileP^T B, to the sums: one vector for each chunk of the head's columns. */
export function addProduct(sums: string, b: HeadRows, transposed: boolean, variant: AttentionVariant): string {
  const [p0, p1] = transposed
    ? [`e * ${STRIDE}u + ty`, `e * ${STRIDE}u + ty + 16u`]
    : [`ty * ${STRIDE}u + e`, `(ty + 16u) * ${STRIDE}u + e`];
  return `for (var chunk = 0u; chunk < ${bound(variant.chunks, 'chunks', variant)}; chunk++) {
    ${stage('tileB', b)}
    workgroupBarrier();
    for (var e = 0u; e < ${bound(TILE, 'tile', variant)}; e++) {
      let x = vec2f(tileP[${p0}], tileP[${p1}]);
      let y = vec2f(tileB[e * ${STRIDE}u + tx], tileB[e * ${STRIDE}u + tx + 16u]);
      ${sums}[chunk] += vec4f(x.x * y, x.y * y);
    }
    workgroupBarrier();
  }`;
}

/** Writes the sums times `factors` (one for row ty, one for ty + 16) where they belong. */
export function storeSums(sums: string, to: HeadRows, variant: AttentionVariant, factors = ['1.0', '1.0']): string {
  const one = (component: string, row: string, column: string, factor: string) =>
    `if (${to.first} + ${row} < ${to.rows} && ${column} < params.headDim) {
      ${to.name}[(${to.first} + ${row}) * ${to.stride} + ${to.head} * params.headDim + ${column}] = value.${component} * ${factor};
    }`;
  return `for (var chunk = 0u; chunk < ${bound(variant.chunks, 'chunks', variant)}; chunk++) {
    let value = ${sums}[chunk];
    let d = chunk * ${TILE}u + tx;
    ${one('x', 'ty', 'd', factors[0])}
    ${one('y', 'ty', '(d + 16u)', factors[0])}
    ${one('z', '(ty + 16u)', 'd', factors[1])}
    ${one('w', '(ty + 16u)', '(d + 16u)', factors[1])}
  }`;
}

/** WGSL for each of the 2 x 2 values: its component, its row in the tile and its column. */
export function eachScore(body: (component: string, row: string, column: string) => string): string {
  return [
    body('x', 'ty', 'tx'),
    body('y', 'ty', '(tx + 16u)'),
    body('z', '(ty + 16u)', 'tx'),
    body('w', '(ty + 16u)', '(tx + 16u)'),
  ].join('\n');
}

/** Place of a value in tileP. */
export function inTile(row: string, column: string): string {
  return `tileP[${row} * ${STRIDE}u + ${column}]`;
}
