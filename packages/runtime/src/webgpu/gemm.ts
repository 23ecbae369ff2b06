/**
 * @file Matrix products on engine `webgpu`: C = scale (A B + low.scale factor o (A2 B2)) + residual, in one launch.
 * Operands bring the WGSL that reads them: filling a tile decodes a 4-bit matrix, which is never stored decoded.
 */
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addSegment, declareTiles, HALF_DECLARATIONS, placeOfSums, tileExtent } from './gemm-wgsl.js';
import { type GpuElement, type GpuKernel, type GpuScalar, gpuKernel } from './kernel.js';
import type { Launcher } from './launcher.js';
import { fitTile, type GpuForm, type GpuTile, tileName } from './tile.js';

/** A matrix operand of a product. */
export interface GpuOperand {
  /** Name of its WGSL, unique among the operands. */
  key: string;
  inputs: { [name: string]: { tensor: TensorInfo; type: GpuElement } };
  params: { [name: string]: { value: number; type: GpuScalar } };
  constants?: Float32Array;
  /** Declares `fn ${read}(row: u32, column: u32) -> vec4f`: four neighbours of a row, with zeros beyond the matrix. */
  declarations: string;
  read: string;
  /** Statements that fill workgroup variables before the first read. */
  prepare?: string;
  /**
   * Whether its tiles may hold half precision with the engine's option `f16`: for weights and activations, not
   * gradients.
   */
  half?: boolean;
}

/** A factor for each value of a matrix by its flat index, such as a dropout mask. */
export interface GpuFactor {
  declarations: string;
  params: GpuOperand['params'];
  /** WGSL of the factor at an index. */
  at(index: string): string;
}

/** A product for {@link gpuMultiply}. */
export interface GpuProduct {
  form: GpuForm;
  a: GpuOperand;
  b: GpuOperand;
  m: number;
  n: number;
  k: number;
  /** Default 1. */
  scale?: number;
  /** A second product of the same form to add. */
  low?: { a: GpuOperand; b: GpuOperand; k: number; scale: number; factor?: GpuFactor };
  /** Matrix to add to the result. [M, N] */
  residual?: TensorInfo;
}

/**
 * A float32 matrix [rows, columns] as an operand; each operand of a product needs its own `name`. `half`: see {@link GpuOperand}.
 */
export function floatOperand(
  name: string,
  tensor: TensorInfo,
  { factor, half = false }: { factor?: GpuFactor; half?: boolean } = {},
): GpuOperand {
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
    half,
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
  const tile = fitTile(launcher.tiles[product.form], product.form, m, n);
  const { tileM, tileN } = tileExtent(tile);
  const [c] = launcher.run(kernelOf(product, tile, launcher.f16), {
    inputs,
    outputs: { c: [m, n] },
    params,
    groups: [Math.ceil(n / tileN), Math.ceil(m / tileM)],
  });
  return c;
}

const kernels = new Map<string, GpuKernel>();

function kernelOf(product: GpuProduct, tile: GpuTile, f16: boolean): GpuKernel {
  const { form, a, b, low, residual } = product;
  const operands = [a, b, ...(low ? [low.a, low.b] : [])];
  const keys = operands.map(({ key, half }) => (f16 && half ? `${key} half` : key));
  const key = [form, ...keys, low?.factor?.at('i') ?? '', residual ? 'residual' : '', tileName(tile)].join('; ');
  let kernel = kernels.get(key);
  if (!kernel) {
    kernel = makeKernel(product, key, tile, f16);
    kernels.set(key, kernel);
  }
  return kernel;
}

function makeKernel({ form, a, b, low, residual }: GpuProduct, key: string, tile: GpuTile, f16: boolean): GpuKernel {
  const operands = low ? [a, b, low.a, low.b] : [a, b];
  const parts = low?.factor ? [...operands, low.factor] : operands;
  const types = (entries: [string, { type: string }][]) => entries.map(([name, { type }]) => [name, type]);
  const inputs = Object.fromEntries([
    ...operands.flatMap(({ inputs }) => types(Object.entries(inputs))),
    ...(residual ? [['residual', 'f32']] : []),
  ]);
  const params = Object.fromEntries(parts.flatMap(({ params }) => types(Object.entries(params))));
  const prepare = operands.flatMap((operand) => operand.prepare ?? []);
  const { row, column, rowAt, columnAt, columnStep } = placeOfSums(form);
  const { tileM, tileN } = tileExtent(tile);
  const vectors = tile.columns / 4;
  const eachSum = (body: (row: string, column: string, sum: string) => string) =>
    Array.from({ length: tile.rows * vectors }, (_, at) =>
      body(`row + ${rowAt(Math.floor(at / vectors))}u`, `column + ${columnAt(at % vectors)}u`, `sums[${at}]`),
    ).join('\n');
  // both products share the tiles: half precision only where both may be rounded
  const half = {
    a: f16 && a.half === true && low?.a.half !== false,
    b: f16 && b.half === true && low?.b.half !== false,
  };
  const segment = (a: GpuOperand, b: GpuOperand, k: string) =>
    addSegment(form, tile, { read: a.read, half: half.a }, { read: b.read, half: half.b }, k);
  const lowSums = low
    ? `${segment(low.a, low.b, 'params.lowK')}
       ${eachSum((row, column, sum) => `${sum} *= params.lowScale${low.factor ? ` * factorsAt(${row}, ${column})` : ''};`)}`
    : '';
  return gpuKernel({
    name: `Multiply ${key}`,
    inputs,
    outputs: { c: 'f32' },
    params: { m: 'u32', n: 'u32', k: 'u32', scale: 'f32', lowK: 'u32', lowScale: 'f32', ...params },
    constants: operands.find(({ constants }) => constants)?.constants,
    enable: half.a || half.b ? ['f16'] : [],
    declarations: `
      ${declareTiles(form, tile, half.a, half.b)}
      ${half.a || half.b ? HALF_DECLARATIONS : ''}
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
      let m0 = group.y * ${tileM}u;
      let n0 = group.x * ${tileN}u;
      let tx = lane % 16u;
      let ty = lane / 16u;
      let row = ${row};
      let column = ${column};
      var sums: array<vec4f, ${tile.rows * vectors}>; // by row; the components are columns
      ${prepare.length ? `${prepare.join('\n')} workgroupBarrier();` : ''}
      ${lowSums}
      ${segment(a, b, 'params.k')}
      ${eachSum((row, column, sum) => `store(${row}, ${column}, ${sum});`)}`,
  });
}

function factorsCode({ at }: GpuFactor, columnStep: number): string {
  return `fn factorsAt(row: u32, column: u32) -> vec4f {
    var factors: vec4f;
    for (var j = 0u; j < 4u; j++) { factors[j] = ${at(`row * params.n + column + j * ${columnStep}u`)}; }
    return factors;
  }`;
}
