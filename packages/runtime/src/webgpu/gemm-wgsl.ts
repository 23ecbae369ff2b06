/**
 * @file WGSL of a matrix product's loop over the inner dimension. It reads four values at a time along the operands'
 * rows, and stages them in workgroup memory: along the inner dimension as rows of vectors, padded by one against bank
 * conflicts, or across it unchanged.
 */
import type { GpuForm, GpuTile } from './tile.js';

/** An operand of the loop: its reader, and whether its tile holds half precision. */
export interface StagedOperand {
  read: string;
  half: boolean;
}

/** Sizes derived from a tile. */
function sizes({ rows, columns, depth }: GpuTile) {
  return { tileM: 16 * rows, tileN: 16 * columns, depth4: depth / 4, stride: depth / 4 + 1, vectors: columns / 4 };
}

/** Rows and columns of C per workgroup. */
export function tileExtent({ rows, columns }: GpuTile): { tileM: number; tileN: number } {
  return { tileM: 16 * rows, tileN: 16 * columns };
}

/** Workgroup variables `tileA` and `tileB`. */
export function declareTiles(form: GpuForm, tile: GpuTile, a: boolean, b: boolean): string {
  const { tileM, tileN, stride } = sizes(tile);
  const one = (name: string, half: boolean, along: boolean, extent: number) =>
    `var<workgroup> ${name}: array<${half ? 'vec4h' : 'vec4f'}, ${along ? extent * stride : (tile.depth * extent) / 4}>;`;
  return `${one('tileA', a, form !== 'tn', tileM)}\n${one('tileB', b, form === 'nt', tileN)}`;
}

/**
 * Place of an invocation's sums in C: `row` and `column` declare the first, `rowAt(i)` is the offset of its i-th row,
 * `columnAt(v)` that of its v-th vector of four columns, `columnStep` apart.
 */
export function placeOfSums(form: GpuForm) {
  const along = { row: form !== 'tn', column: form === 'nt' };
  return {
    row: along.row ? 'm0 + ty' : 'm0 + ty * 4u',
    column: along.column ? 'n0 + tx' : 'n0 + tx * 4u',
    rowAt: (i: number) => (along.row ? 16 * i : 64 * (i >> 2) + (i & 3)),
    columnAt: (v: number) => 64 * v,
    columnStep: along.column ? 16 : 1,
  };
}

/** Adds A B over `k` to `sums`, an array of vec4f: row i, vector v at i * columns / 4 + v. */
export function addSegment(form: GpuForm, tile: GpuTile, a: StagedOperand, b: StagedOperand, k: string): string {
  const { tileM, tileN } = sizes(tile);
  const fills = [
    ...fillsOf('tileA', a, form !== 'tn', 'm0', tileM, tile),
    ...fillsOf('tileB', b, form === 'nt', 'n0', tileN, tile),
  ];
  const put = (value: (fill: (typeof fills)[0], i: number) => string) =>
    fills
      .map(
        (fill, i) =>
          `${fill.guard}${fill.place} = ${fill.half ? `half(${value(fill, i)})` : value(fill, i)};${fill.guard && ' }'}`,
      )
      .join('\n');
  const inner = INNER[form](tile, a.half, b.half);
  if (!tile.ahead) {
    return `for (var k0 = 0u; k0 < ${k}; k0 += ${tile.depth}u) {
      ${put(({ read }) => read('k0'))}
      workgroupBarrier();
      ${inner}
      workgroupBarrier();
    }`;
  }
  return `{
    ${fills.map(({ read }, i) => `var next${i} = ${read('0u')};`).join('\n')}
    for (var k0 = 0u; k0 < ${k}; k0 += ${tile.depth}u) {
      ${put((_, i) => `next${i}`)}
      workgroupBarrier();
      ${fills.map(({ read }, i) => `next${i} = ${read(`(k0 + ${tile.depth}u)`)};`).join('\n')}
      ${inner}
      workgroupBarrier();
    }
  }`;
}

/** Helpers for conversions: values beyond half precision become its largest. */
export const HALF_DECLARATIONS =
  'fn half(x: vec4f) -> vec4h { return vec4h(clamp(x, vec4f(-65504.0), vec4f(65504.0))); }';

/** The vectors of a tile that an invocation fills: their places, and their reads from `k0` on. */
function fillsOf(name: string, operand: StagedOperand, along: boolean, first: string, extent: number, tile: GpuTile) {
  const { depth4, stride } = sizes(tile);
  const vectors = extent * depth4;
  return Array.from({ length: Math.ceil(vectors / 256) }, (_, e) => {
    const i = e ? `(lane + ${256 * e}u)` : 'lane';
    const across = `${extent / 4}u`;
    return {
      half: operand.half,
      guard: vectors < 256 ? `if (lane < ${vectors}u) { ` : '',
      place: along ? `${name}[(${i} / ${depth4}u) * ${stride}u + ${i} % ${depth4}u]` : `${name}[${i}]`,
      read: (k0: string) =>
        along
          ? `${operand.read}(${first} + ${i} / ${depth4}u, ${k0} + (${i} % ${depth4}u) * 4u)`
          : `${operand.read}(${k0} + ${i} / ${across}, ${first} + (${i} % ${across}) * 4u)`,
    };
  });
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const lines = (count: number, line: (i: number) => string) => range(count).map(line).join('\n');
/** A vector of a tile, converted to float32. */
const load = (half: boolean, vector: string) => (half ? `vec4f(${vector})` : vector);

const INNER: Record<GpuForm, (tile: GpuTile, halfA: boolean, halfB: boolean) => string> = {
  nt(tile, halfA, halfB) {
    const { depth4, stride, vectors } = sizes(tile);
    const dots = (v: number) => range(4).map((j) => `dot(a, b${4 * v + j})`);
    return `for (var d = 0u; d < ${depth4}u; d++) {
      ${lines(4 * vectors, (j) => `let b${j} = ${load(halfB, `tileB[(tx + ${16 * j}u) * ${stride}u + d]`)};`)}
      ${lines(
        tile.rows,
        (i) => `{ let a = ${load(halfA, `tileA[(ty + ${16 * i}u) * ${stride}u + d]`)};
        ${lines(vectors, (v) => `sums[${i * vectors + v}] += vec4f(${dots(v).join(', ')});`)} }`,
      )}
    }`;
  },
  nn(tile, halfA, halfB) {
    const { depth4, stride, vectors, tileN } = sizes(tile);
    const vector = (v: number, j: number) => `tileB[(d * 4u + ${j}u) * ${tileN / 4}u + tx + ${16 * v}u]`;
    return `for (var d = 0u; d < ${depth4}u; d++) {
      ${lines(4 * vectors, (at) => `let b${at} = ${load(halfB, vector(at >> 2, at & 3))};`)}
      ${lines(
        tile.rows,
        (i) => `{ let a = ${load(halfA, `tileA[(ty + ${16 * i}u) * ${stride}u + d]`)};
        ${lines(
          vectors,
          (v) =>
            `sums[${i * vectors + v}] += ${range(4)
              .map((j) => `a.${'xyzw'[j]} * b${4 * v + j}`)
              .join(' + ')};`,
        )} }`,
      )}
    }`;
  },
  tn(tile, halfA, halfB) {
    const { vectors, tileM, tileN } = sizes(tile);
    return `for (var d = 0u; d < ${tile.depth}u; d++) {
      ${lines(tile.rows / 4, (u) => `let a${u} = ${load(halfA, `tileA[d * ${tileM / 4}u + ty + ${16 * u}u]`)};`)}
      ${lines(vectors, (v) => `let b${v} = ${load(halfB, `tileB[d * ${tileN / 4}u + tx + ${16 * v}u]`)};`)}
      ${lines(tile.rows * vectors, (at) => {
        const i = Math.floor(at / vectors);
        return `sums[${at}] += a${i >> 2}[${i & 3}] * b${at % vectors};`;
      })}
    }`;
  },
};
