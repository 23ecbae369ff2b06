/** @file Products with a matrix, in each form that a file may store it in. */
import type { DecoderLinear } from '@arena/decoder/checkpoint';
import { fromFloat32 } from '@arena/safetensors/tensor';
import { groupSums, halves, storedProduct } from './block-product.js';
import { bytesOf, type Graph, type Name } from './graph.js';
import type { LowRank, ModelSource } from './model-source.js';
import { once } from './once.js';
import { BLOCK, type Blocks, toBytes, toNibbles, transposed } from './weight-kinds.js';

/** Form of the linears in the file, by transformers.js' names: floats, blocks of integers, or NF4. */
export const WEIGHT_KINDS = ['fp32', 'fp16', 'q8', 'q4', 'bnb4'] as const;

/** One of {@link WEIGHT_KINDS}. */
export type WeightKind = (typeof WEIGHT_KINDS)[number];

const MICROSOFT = 'com.microsoft';
const FLOAT32 = 1;

/**
 * y [B, T, out] of x [B, T, in]. In float the adapter is part of the matrix; beside integers and NF4 it stays a product of its own:
 * what training learned is smaller than their steps.
 */
export function linear(graph: Graph, x: Name, source: ModelSource, module: DecoderLinear, kind: WeightKind): Name {
  const { path, inFeatures, outFeatures } = module;
  const weight = `${path}.weight`;
  const change = source.lowRank?.(path);
  const form = inFeatures % BLOCK ? 'fp32' : kind;
  if (form === 'fp32' || form === 'fp16') {
    const values = async () =>
      transposed(merged(await source.values(weight), change, inFeatures), outFeatures, inFeatures);
    return graph.node('MatMul', [x, floats(graph, weight, [inFeatures, outFeatures], values, form)]);
  }
  const y = codesProduct(graph, x, source, module, form);
  return change ? graph.node('Add', [y, lowRankProduct(graph, x, change, module)]) : y;
}

/** Integers: the base's own where it has such blocks and they are small enough for the form. */
function codesProduct(
  graph: Graph,
  x: Name,
  source: ModelSource,
  module: DecoderLinear,
  kind: 'q4' | 'q8' | 'bnb4',
): Name {
  if (kind === 'bnb4') return nf4Product(graph, x, source, module);
  const type = keepsBlocks(source, kind) ? source.storedType?.(`${module.path}.weight`) : undefined;
  return type ? storedProduct(graph, x, source, module, type) : blockProduct(graph, x, source, module, kind);
}

/** Most bits a weight, on average over the linears, of a base in blocks that `q4` keeps as it is. */
const KEPT_BITS = 6;

/** Whether a form keeps a GGUF base's own blocks: rounding them to another grid costs more than it saves. */
export function keepsBlocks({ storedBits = 0 }: ModelSource, kind: WeightKind): boolean {
  return storedBits > 0 && (kind === 'q8' || (kind === 'q4' && storedBits <= KEPT_BITS));
}

/** A matrix in float32, or in float16 and widened before use: products stay in float32. */
function floats(
  graph: Graph,
  name: string,
  shape: readonly number[],
  values: () => Promise<Float32Array>,
  kind: 'fp32' | 'fp16',
): Name {
  if (kind === 'fp32') return graph.constant(name, 'float32', shape, async () => bytesOf(await values()));
  const half = graph.constant(name, 'float16', shape, async () => fromFloat32(await values(), 'F16'));
  return graph.node('Cast', [half], { to: FLOAT32 });
}

/** W + scaling B A [out, in]. */
function merged(values: Float32Array, change: LowRank | undefined, inFeatures: number): Float32Array {
  if (!change) return values;
  const { A, B, r, scaling } = change;
  const out = Float32Array.from(values);
  for (let o = 0; o * inFeatures < out.length; o++) {
    for (let k = 0; k < r; k++) {
      const b = B[o * r + k] * scaling;
      for (let i = 0; i < inFeatures; i++) out[o * inFeatures + i] += b * A[k * inFeatures + i];
    }
  }
  return out;
}

/** com.microsoft MatMulNBits: blocks along the inputs of each row; in 8 bits the middle code is zero, in 4 the offset. */
function blockProduct(graph: Graph, x: Name, source: ModelSource, module: DecoderLinear, kind: 'q4' | 'q8'): Name {
  const { path, inFeatures, outFeatures } = module;
  const weight = `${path}.weight`;
  const bits = kind === 'q4' ? 4 : 8;
  const perRow = inFeatures / BLOCK;
  const blocks = once(
    async (): Promise<Blocks> => (bits === 4 ? toNibbles : toBytes)(await source.values(weight)),
    bits === 4 ? 3 : 2,
  );
  const codes = graph.constant(`${weight}.codes`, 'uint8', [outFeatures, perRow, (BLOCK * bits) / 8], async () =>
    bytesOf((await blocks()).codes),
  );
  const shape = [outFeatures * perRow];
  const scales = async () => (await blocks()).scales;
  const attributes = { K: inFeatures, N: outFeatures, bits, block_size: BLOCK };
  if (bits === 8) {
    const wide = graph.constant(`${weight}.scales`, 'float32', shape, async () => bytesOf(await scales()));
    return graph.node('MatMulNBits', [x, codes, wide], attributes, MICROSOFT);
  }
  const y = graph.node(
    'MatMulNBits',
    [x, codes, halves(graph, `${weight}.scales`, shape, scales)],
    attributes,
    MICROSOFT,
  );
  const offsets = halves(graph, `${weight}.offsets`, [perRow, outFeatures], async () =>
    transposed((await blocks()).offsets!, outFeatures, perRow),
  );
  return graph.node('Add', [y, graph.node('MatMul', [groupSums(graph, x, perRow, BLOCK), offsets])]);
}

/** com.microsoft MatMulBnb4 on codes as bitsandbytes has them; absmax is not nested there. */
function nf4Product(graph: Graph, x: Name, source: ModelSource, module: DecoderLinear): Name {
  const { path, inFeatures, outFeatures } = module;
  const weight = `${path}.weight`;
  const read = once(() => source.nf4!(weight), 2);
  const count = inFeatures * outFeatures;
  const blockSize = NF4_BLOCK;
  const codes = graph.constant(`${weight}.codes`, 'uint8', [count / 2], async () => (await read()).codes);
  const absmax = graph.constant(`${weight}.absmax`, 'float32', [Math.ceil(count / blockSize)], async () =>
    bytesOf((await read()).absmax),
  );
  return graph.node(
    'MatMulBnb4',
    [x, codes, absmax],
    { K: inFeatures, N: outFeatures, block_size: blockSize, quant_type: 1 },
    MICROSOFT,
  );
}

/** Values of a block in bitsandbytes' NF4. */
export const NF4_BLOCK = 64;

function lowRankProduct(graph: Graph, x: Name, { A, B, r, scaling }: LowRank, module: DecoderLinear): Name {
  const { path, inFeatures, outFeatures } = module;
  const a = graph.constant(`${path}.lora_A`, 'float32', [inFeatures, r], () => bytesOf(transposed(A, r, inFeatures)));
  const scaled = () =>
    transposed(
      B.map((value) => value * scaling),
      outFeatures,
      r,
    );
  const b = graph.constant(`${path}.lora_B`, 'float32', [r, outFeatures], () => bytesOf(scaled()));
  return graph.node('MatMul', [graph.node('MatMul', [x, a]), b]);
}
