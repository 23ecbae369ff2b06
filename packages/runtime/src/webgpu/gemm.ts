/**
 * @file Matrix products on engine `webgpu`: C = scale (A B + low.scale factor o (A2 B2)) + residual, in one launch. Operands
 * bring the WGSL that reads them, so a 4-bit matrix is decoded while a tile is filled and is never stored decoded.
 *
 * A workgroup of 16 x 16 invocations takes a tile of 64 x 64 of C, 16 of the inner dimension at a time; an invocation
 * keeps 4 x 4 sums in registers. Values are read four at a time along the operands' rows.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { type GpuElement, type GpuKernel, type GpuScalar, gpuKernel } from './kernel.js';
import type { Launcher } from './launcher.js';

/** Rows and columns of a tile. */
const TILE = 64;
/** Inner dimension of a tile, in values and in vectors of four. */
const DEPTH = 16;
const DEPTH4 = DEPTH / 4;
/** Vectors from row to row of a tile that is read along the inner dimension: odd, against bank conflicts. */
const STRIDE = DEPTH4 + 1;
const TILE4 = TILE / 4;
/** Rows, and columns, of an invocation. */
const ROWS = [0, 1, 2, 3];

/** A matrix that a product reads. */
export interface GpuOperand {
  /** Tells its WGSL from that of other operands. */
  key: string;
  inputs: { [name: string]: { tensor: TensorInfo; type: GpuElement } };
  params: { [name: string]: { value: number; type: GpuScalar } };
  constants?: Float32Array;
  /** Declares `fn ${read}(row: u32, column: u32) -> vec4f`: four neighbours of a row, zero beyond the matrix. */
  declarations: string;
  read: string;
  /** Statements that fill workgroup variables before the first read. */
  prepare?: string;
}

/** A factor for each value of a matrix by its flat index, such as a dropout mask. */
export interface GpuFactor {
  declarations: string;
  params: GpuOperand['params'];
  /** WGSL of the factor at an index. */
  at(index: string): string;
}

/** What {@link gpuMultiply} computes. */
export interface GpuProduct {
  /** How A and B lie in memory: `nt` [M, K] and [N, K]; `nn` [M, K] and [K, N]; `tn` [K, M] and [K, N]. */
  form: 'nt' | 'nn' | 'tn';
  a: GpuOperand;
  b: GpuOperand;
  m: number;
  n: number;
  k: number;
  /** Default 1. */
  scale?: number;
  /** A second product of the same form that is added. */
  low?: { a: GpuOperand; b: GpuOperand; k: number; scale: number; factor?: GpuFactor };
  /** Added to the result. [M, N] */
  residual?: TensorInfo;
}

/** A float32 matrix [rows, columns] as an operand; `name` must be another for each operand of a product. */
export function floatOperand(name: string, tensor: TensorInfo, factor?: GpuFactor): GpuOperand {
  const [rows, columns] = tensor.shape;
  const whole = columns % 4 === 0;
  const value = (i: number) => `select(0.0, ${name}[at + ${i}u], column + ${i}u < params.${name}Columns)`;
  const values = whole ? `${name}[at / 4u]` : `vec4f(${[0, 1, 2, 3].map(value).join(', ')})`;
  const factors = factor ? ` * vec4f(${[0, 1, 2, 3].map((i) => factor.at(`at + ${i}u`)).join(', ')})` : '';
  return {
    key: `${name}${whole ? '4' : ''}${factors}`,
    inputs: { [name]: { tensor, type: whole ? 'vec4f' : 'f32' } },
    params: {
      [`${name}Rows`]: { value: rows, type: 'u32' },
      [`${name}Columns`]: { value: columns, type: 'u32' },
      ...factor?.params,
    },
    declarations: `${factor?.declarations ?? ''}
      fn ${name}Read(row: u32, column: u32) -> vec4f {
        if (row >= params.${name}Rows || column >= params.${name}Columns) { return vec4f(0.0); }
        let at = row * params.${name}Columns + column;
        return ${values}${factors};
      }`,
    read: `${name}Read`,
  };
}

/** Launches a product. @returns C [m, n]; the caller owns it. */
export function gpuMultiply(launcher: Launcher, product: GpuProduct): TensorInfo {
  const { a, b, m, n, k, scale = 1, low, residual } = product;
  const operands = low ? [a, b, low.a, low.b] : [a, b];
  const inputs: { [name: string]: TensorInfo } = residual ? { residual } : {};
  const params: { [name: string]: number } = { m, n, k, scale, lowK: low?.k ?? 0, lowScale: low?.scale ?? 0 };
  for (const operand of [...operands, ...(low?.factor ? [low.factor] : [])]) {
    for (const [name, { value }] of Object.entries(operand.params)) params[name] = value;
  }
  for (const operand of operands) {
    for (const [name, { tensor }] of Object.entries(operand.inputs)) inputs[name] = tensor;
  }
  const [c] = launcher.run(kernelOf(product), {
    inputs,
    outputs: { c: [m, n] },
    params,
    groups: [Math.ceil(n / TILE), Math.ceil(m / TILE)],
  });
  return c;
}

const kernels = new Map<string, GpuKernel>();

function kernelOf(product: GpuProduct): GpuKernel {
  const { form, a, b, low, residual } = product;
  const keys = [a, b, ...(low ? [low.a, low.b] : [])].map(({ key }) => key);
  const key = [form, ...keys, low?.factor?.at('i') ?? '', residual ? 'residual' : ''].join('; ');
  let kernel = kernels.get(key);
  if (!kernel) {
    kernel = makeKernel(product, key);
    kernels.set(key, kernel);
  }
  return kernel;
}

function makeKernel({ form, a, b, low, residual }: GpuProduct, key: string): GpuKernel {
  const operands = low ? [a, b, low.a, low.b] : [a, b];
  const parts = low?.factor ? [...operands, low.factor] : operands;
  const types = (entries: [string, { type: string }][]) => entries.map(([name, { type }]) => [name, type]);
  const inputs = Object.fromEntries([
    ...operands.flatMap(({ inputs }) => types(Object.entries(inputs))),
    ...(residual ? [['residual', 'f32']] : []),
  ]);
  const params = Object.fromEntries(parts.flatMap(({ params }) => types(Object.entries(params))));
  const prepare = operands.flatMap((operand) => operand.prepare ?? []);
  // an invocation's rows and columns lie 16 apart, or side by side where values are read across the inner dimension
  const rowStep = form === 'tn' ? 1 : 16;
  const columnStep = form === 'nt' ? 16 : 1;
  const first = (name: string, step: number) => (step === 1 ? `${name} * 4u` : name);
  const eachRow = (body: (row: string, sums: string) => string) =>
    ROWS.map((i) => body(`row + ${i * rowStep}u`, `sums[${i}]`)).join('\n');
  const lowSums = low
    ? `${segment(form, low.a, low.b, 'params.lowK')}
       ${eachRow((row, sums) => `${sums} *= params.lowScale${low.factor ? ` * factorsAt(${row}, column)` : ''};`)}`
    : '';
  return gpuKernel({
    name: `Multiply ${key}`,
    inputs,
    outputs: { c: 'f32' },
    params: { m: 'u32', n: 'u32', k: 'u32', scale: 'f32', lowK: 'u32', lowScale: 'f32', ...params },
    constants: operands.find(({ constants }) => constants)?.constants,
    declarations: `
      var<workgroup> tileA: array<vec4f, ${form === 'tn' ? DEPTH * TILE4 : TILE * STRIDE}>;
      var<workgroup> tileB: array<vec4f, ${form === 'nt' ? TILE * STRIDE : DEPTH * TILE4}>;
      ${[...new Set(parts.map(({ declarations }) => declarations))].join('\n')}
      ${low?.factor ? factorsCode(low.factor, columnStep) : ''}
      fn store(row: u32, column: u32, sums: vec4f) {
        for (var j = 0u; j < 4u; j++) {
          let at = row * params.n + column + j * ${columnStep}u;
          if (row < params.m && column + j * ${columnStep}u < params.n) {
            c[at] = sums[j] * params.scale${residual ? ' + residual[at]' : ''};
          }
        }
      }`,
    main: `
      let m0 = group.y * ${TILE}u;
      let n0 = group.x * ${TILE}u;
      let tx = lane % 16u;
      let ty = lane / 16u;
      let row = m0 + ${first('ty', rowStep)};
      let column = n0 + ${first('tx', columnStep)};
      var sums: array<vec4f, 4>; // by row; the components are columns
      ${prepare.length ? `${prepare.join('\n')} workgroupBarrier();` : ''}
      ${lowSums}
      ${segment(form, a, b, 'params.k')}
      ${eachRow((row, sums) => `store(${row}, column, ${sums});`)}`,
  });
}

function factorsCode({ at }: GpuFactor, columnStep: number): string {
  return `fn factorsAt(row: u32, column: u32) -> vec4f {
    var factors: vec4f;
    for (var j = 0u; j < 4u; j++) { factors[j] = ${at(`row * params.n + column + j * ${columnStep}u`)}; }
    return factors;
  }`;
}

/** sums += A B over one pair of operands. */
function segment(form: GpuProduct['form'], a: GpuOperand, b: GpuOperand, k: string): string {
  // along the inner dimension: 64 rows of 4 vectors; across it: 16 rows of 16 vectors. Either way one vector each.
  const along = (tile: string, operand: GpuOperand, first: string) =>
    `${tile}[(lane / ${DEPTH4}u) * ${STRIDE}u + lane % ${DEPTH4}u] =
       ${operand.read}(${first} + lane / ${DEPTH4}u, k0 + (lane % ${DEPTH4}u) * 4u);`;
  const across = (tile: string, operand: GpuOperand, first: string) =>
    `${tile}[lane] = ${operand.read}(k0 + lane / ${TILE4}u, ${first} + (lane % ${TILE4}u) * 4u);`;
  return `for (var k0 = 0u; k0 < ${k}; k0 += ${DEPTH}u) {
    ${form === 'tn' ? across('tileA', a, 'm0') : along('tileA', a, 'm0')}
    ${form === 'nt' ? along('tileB', b, 'n0') : across('tileB', b, 'n0')}
    workgroupBarrier();
    ${INNER[form]}
    workgroupBarrier();
  }`;
}

const INNER: Record<GpuProduct['form'], string> = {
  nt: `for (var d = 0u; d < ${DEPTH4}u; d++) {
    ${ROWS.map((j) => `let b${j} = tileB[(tx + ${16 * j}u) * ${STRIDE}u + d];`).join('\n')}
    ${ROWS.map(
      (i) => `{ let a = tileA[(ty + ${16 * i}u) * ${STRIDE}u + d];
      sums[${i}] += vec4f(dot(a, b0), dot(a, b1), dot(a, b2), dot(a, b3)); }`,
    ).join('\n')}
  }`,
  nn: `for (var d = 0u; d < ${DEPTH4}u; d++) {
    ${ROWS.map((j) => `let b${j} = tileB[(d * 4u + ${j}u) * ${TILE4}u + tx];`).join('\n')}
    ${ROWS.map(
      (i) => `{ let a = tileA[(ty + ${16 * i}u) * ${STRIDE}u + d];
      sums[${i}] += a.x * b0 + a.y * b1 + a.z * b2 + a.w * b3; }`,
    ).join('\n')}
  }`,
  tn: `for (var d = 0u; d < ${DEPTH}u; d++) {
    let a = tileA[d * ${TILE4}u + ty];
    let b = tileB[d * ${TILE4}u + tx];
    ${ROWS.map((i) => `sums[${i}] += a[${i}] * b;`).join('\n')}
  }`,
};
