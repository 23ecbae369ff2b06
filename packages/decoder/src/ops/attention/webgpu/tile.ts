/**
 * @file What the attention kernels of engine `webgpu` share. A workgroup of 16 x 16 invocations works on 32 query rows and
 * 32 keys at a time; an invocation holds 2 x 2 of their 32 x 32 scores, and of each 64 columns of a head two rows' four. Heads are staged in vectors
 * of four, 32 columns of two matrices or 64 of one at a time, so that 14 KiB of workgroup memory do for any head size.
 */
import { GEOMETRY_PARAMS } from '../geometry.js';

/** Query rows and keys of a tile; columns of a head in a product of rows with rows. */
export const TILE = 32;
/** Columns of a head in a product with probabilities. */
export const WIDE = 64;
/** Floats from row to row of the scores in workgroup memory: odd, against bank conflicts. */
const STRIDE = TILE + 1;
/** Vectors of a row of TILE and of WIDE columns, and from row to row of the first. */
const TILE4 = TILE / 4;
const WIDE4 = WIDE / 4;
const STRIDE4 = TILE4 + 1;

/** How a kernel is written for a device and head size. */
export interface AttentionVariant {
  /** Parts of TILE and of WIDE columns that a head takes. */
  chunks: number;
  wide: number;
  /** Loop bounds from memory: software drivers unroll constant ones, and then compile for minutes. */
  dynamic: boolean;
  /** A head's columns are a multiple of four: buffers are bound as vectors. */
  whole: boolean;
}

/** Numbers of a call. */
export const ATTENTION_PARAMS = { ...GEOMETRY_PARAMS, chunks: 'u32', wide: 'u32', tile: 'u32' } as const;

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
  var<workgroup> staged: array<vec4f, ${2 * TILE * STRIDE4}>; // two tiles of 32 columns, or one of 64
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

/** A matrix with a row a token: one of its heads is read, from row `first` on. */
export interface HeadRows {
  name: string;
  first: string;
  rows: string;
  stride: string;
  head: string;
}

/** The bound of a loop: a constant, or the same number read from `params`. */
function bound(value: number, param: 'chunks' | 'wide' | 'tile', { dynamic }: AttentionVariant): string {
  return dynamic ? `params.${param}` : `${value}u`;
}

/** The body for each WIDE columns of a head: a loop, or written out so that sums have constant places and stay in registers. */
export function eachWide(variant: AttentionVariant, body: (chunk: string) => string): string {
  if (variant.dynamic) return `for (var chunk = 0u; chunk < params.wide; chunk++) { ${body('chunk')} }`;
  return Array.from({ length: variant.wide }, (_, chunk) => `{ ${body(`${chunk}u`)} }`).join('\n');
}

/** Declares `${name}Read(at, d)`: four columns of a head from `at` in the buffer and `d` in the head on, zero beyond the head. */
export function readers(names: string[], { whole }: AttentionVariant): string {
  const value = (name: string, i: number) => `select(0.0, ${name}[at + ${i}u], d + ${i}u < params.headDim)`;
  const four = (name: string) => `vec4f(${[0, 1, 2, 3].map((i) => value(name, i)).join(', ')})`;
  return names
    .map((name) => `fn ${name}Read(at: u32, d: u32) -> vec4f { return ${whole ? `${name}[at / 4u]` : four(name)}; }`)
    .join('\n');
}

/** Fills staged memory with TILE rows of `columns4` vectors: part `chunk` of a head's columns. */
function stage(rows: HeadRows, chunk: string, columns4: number, place: string): string {
  const { name, first, stride, head } = rows;
  return `for (var e = lane; e < ${TILE * columns4}u; e += 256u) {
    let r = ${first} + e / ${columns4}u;
    let d = (${chunk} * ${columns4}u + e % ${columns4}u) * 4u;
    var value = vec4f(0.0);
    if (r < ${rows.rows} && d < params.headDim) { value = ${name}Read(r * ${stride} + ${head} * params.headDim + d, d); }
    staged[${place}] = value;
  }`;
}

/** Declares `out`: the 2 x 2 products of rows of `a` with rows of `b` over the head's columns. */
export function products(out: string, a: HeadRows, b: HeadRows, variant: AttentionVariant): string {
  const place = `(e / ${TILE4}u) * ${STRIDE4}u + e % ${TILE4}u`;
  const second = TILE * STRIDE4;
  return `var ${out} = vec4f(0.0);
  for (var chunk = 0u; chunk < ${bound(variant.chunks, 'chunks', variant)}; chunk++) {
    ${stage(a, 'chunk', TILE4, place)}
    ${stage(b, 'chunk', TILE4, `${second}u + ${place}`)}
    workgroupBarrier();
    for (var d = 0u; d < ${TILE4}u; d++) {
      let x0 = staged[ty * ${STRIDE4}u + d];
      let x1 = staged[(ty + 16u) * ${STRIDE4}u + d];
      let y0 = staged[${second}u + tx * ${STRIDE4}u + d];
      let y1 = staged[${second}u + (tx + 16u) * ${STRIDE4}u + d];
      ${out} += vec4f(dot(x0, y0), dot(x0, y1), dot(x1, y0), dot(x1, y1));
    }
    workgroupBarrier();
  }`;
}

/** Adds tileP B to the sums: two vectors, of rows ty and ty + 16, for each WIDE columns of the head. */
export function addProduct(sums: string, b: HeadRows, variant: AttentionVariant): string {
  return eachWide(
    variant,
    (chunk) => `
    ${stage(b, chunk, WIDE4, 'e')}
    workgroupBarrier();
    for (var e = 0u; e < ${bound(TILE, 'tile', variant)}; e++) {
      let y = staged[e * ${WIDE4}u + tx];
      ${sums}[2u * ${chunk}] += tileP[ty * ${STRIDE}u + e] * y;
      ${sums}[2u * ${chunk} + 1u] += tileP[(ty + 16u) * ${STRIDE}u + e] * y;
    }
    workgroupBarrier();`,
  );
}

/** Writes the sums times `factors` (one for row ty, one for ty + 16) where they belong. */
export function storeSums(sums: string, to: HeadRows, variant: AttentionVariant, factors = ['1.0', '1.0']): string {
  const { name, first, rows, stride, head } = to;
  const one = (row: string, value: string) => {
    const at = `(${first} + ${row}) * ${stride} + ${head} * params.headDim + d`;
    const each = `let at = ${at}; let value = ${value};
      for (var j = 0u; j < 4u && d + j < params.headDim; j++) { ${name}[at + j] = value[j]; }`;
    return `if (${first} + ${row} < ${rows} && d < params.headDim) {
      ${variant.whole ? `${name}[(${at}) / 4u] = ${value};` : each}
    }`;
  };
  return eachWide(
    variant,
    (chunk) => `let d = ${chunk} * ${WIDE}u + tx * 4u;
    ${one('ty', `${sums}[2u * ${chunk}] * ${factors[0]}`)}
    ${one('(ty + 16u)', `${sums}[2u * ${chunk} + 1u] * ${factors[1]}`)}`,
  );
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
