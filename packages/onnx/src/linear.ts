/** @file Products with a matrix, in each form that a file may store it in. */
import type { DecoderLinear } from '@arena/decoder/checkpoint';
import type { LowRank } from '@arena/judge/export';
import { mergeWeight } from '@arena/lora/merge';
import { blockProduct } from './block-product.js';
import { bytesOf, type Graph, type Name } from './graph.js';
import { type Integers, roundedIntegers, storedIntegers } from './integers.js';
import type { ModelSource } from './model-source.js';
import { once } from './once.js';
import { floats } from './unpacked.js';
import { BLOCK, transposed } from './weight-kinds.js';
import { widened, widenedNf4 } from './widened.js';

/** Form of the linears in the file, by transformers.js' names: floats, blocks of integers, or NF4. */
export const WEIGHT_KINDS = ['fp32', 'fp16', 'q8', 'q4', 'bnb4'] as const;

/** One of {@link WEIGHT_KINDS}. */
export type WeightKind = (typeof WEIGHT_KINDS)[number];

const MICROSOFT = 'com.microsoft';

/** Form of the linears in the file, and in memory. */
export interface LinearForm {
  kind: WeightKind;
  /** Integers become float32 when the model is opened. */
  widen: boolean;
}

/**
 * y [B, T, out] of x [B, T, in]. In float the adapter is part of the matrix; beside integers and NF4 it stays apart in the file: what
 * training learned is smaller than their steps.
 */
export function linear(
  graph: Graph,
  x: Name,
  source: ModelSource,
  module: DecoderLinear,
  { kind, widen }: LinearForm,
): Name {
  const { path, inFeatures, outFeatures } = module;
  const weight = `${path}.weight`;
  const change = source.lowRank?.(path);
  const form = inFeatures % BLOCK ? 'fp32' : kind;
  if (form === 'fp32' || form === 'fp16') {
    const values = async () => {
      const own = await source.values(weight);
      return transposed(change ? mergeWeight(own, change, { ...change, ...module }) : own, outFeatures, inFeatures);
    };
    return graph.node('MatMul', [x, floats(graph, weight, [inFeatures, outFeatures], values, form === 'fp16')]);
  }
  if (widen) {
    const matrix = form === 'bnb4' ? wideNf4(graph, source, module) : widened(graph, integersOf(source, module, form));
    const all = change ? graph.node('Add', [matrix, lowRankMatrix(graph, change, module)]) : matrix;
    return graph.node('MatMul', [x, all]);
  }
  const y =
    form === 'bnb4' ? nf4Product(graph, x, source, module) : blockProduct(graph, x, integersOf(source, module, form));
  return change ? graph.node('Add', [y, lowRankProduct(graph, x, change, module)]) : y;
}

/** The base's own where it has such blocks and they are small enough for the form. */
function integersOf(source: ModelSource, module: DecoderLinear, kind: 'q4' | 'q8'): Integers {
  const type = keepsBlocks(source, kind) ? source.storedType?.(`${module.path}.weight`) : undefined;
  return type ? storedIntegers(source, module, type) : roundedIntegers(source, module, kind === 'q4' ? 4 : 8);
}

/** Most bits a weight, on average over the linears, of a base in blocks that `q4` keeps as it is. */
const KEPT_BITS = 6;

/** Whether a form keeps a GGUF base's own blocks: rounding them to another grid costs more than it saves. */
export function keepsBlocks({ storedBits = 0 }: ModelSource, kind: WeightKind): boolean {
  return storedBits > 0 && (kind === 'q8' || (kind === 'q4' && storedBits <= KEPT_BITS));
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

function wideNf4(graph: Graph, source: ModelSource, { path, inFeatures, outFeatures }: DecoderLinear): Name {
  const name = `${path}.weight`;
  const matrix = { name, rows: outFeatures, columns: inFeatures, blockSize: NF4_BLOCK };
  return widenedNf4(graph, matrix, () => source.nf4!(name));
}

/** A^T [in, r] and scaling B^T [r, out]. */
function lowRankPair(graph: Graph, { A, B, r, scaling }: LowRank, module: DecoderLinear): [Name, Name] {
  const { path, inFeatures, outFeatures } = module;
  const a = graph.constant(`${path}.lora_A`, 'float32', [inFeatures, r], () => bytesOf(transposed(A, r, inFeatures)));
  const b = graph.constant(`${path}.lora_B`, 'float32', [r, outFeatures], () => {
    const scaled = B.map((value) => value * scaling);
    return bytesOf(transposed(scaled, outFeatures, r));
  });
  return [a, b];
}

function lowRankProduct(graph: Graph, x: Name, change: LowRank, module: DecoderLinear): Name {
  const [a, b] = lowRankPair(graph, change, module);
  return graph.node('MatMul', [graph.node('MatMul', [x, a]), b]);
}

/** The adapter's change of the matrix [in, out]. */
function lowRankMatrix(graph: Graph, change: LowRank, module: DecoderLinear): Name {
  return graph.node('MatMul', lowRankPair(graph, change, module));
}
