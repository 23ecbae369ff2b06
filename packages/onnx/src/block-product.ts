/** @file Products with a GGUF base's own blocks: the codes of the file, so that nothing is rounded a second time. */

import type { DecoderLinear } from '@arena/decoder/checkpoint';
import { joined } from '@arena/files/source';
import { fromFloat32 } from '@arena/safetensors/tensor';
import { bytesOf, type Graph, type Name } from './graph.js';
import type { ModelSource } from './model-source.js';
import { once } from './once.js';
import { type Codes, codesOf, inFiveBits, inNibbles, layoutOf, type StoredType } from './stored-blocks.js';
import { transposed } from './weight-kinds.js';

const FLOAT32 = 1;

/**
 * x [B, T, in] times the matrix in blocks. MatMulNBits knows whole codes for zero alone: minima are a product of their own, of the sums
 * of x over each group.
 */
export function storedProduct(
  graph: Graph,
  x: Name,
  source: ModelSource,
  module: DecoderLinear,
  type: StoredType,
): Name {
  const { path, inFeatures, outFeatures } = module;
  const weight = `${path}.weight`;
  const { group, bits, zero, hasMinima, isHalf } = layoutOf(type);
  const perRow = inFeatures / group;
  const blocks = once(
    async () => allCodes(type, source.stored!(weight)),
    { 4: 2, 5: 3, 8: 2 }[bits] + Number(hasMinima),
  );
  const scalesOf = async () => (await blocks()).scales;
  const size = [outFeatures * perRow];
  const scales = isHalf
    ? halves(graph, `${weight}.scales`, size, scalesOf)
    : graph.constant(`${weight}.scales`, 'float32', size, async () => bytesOf(await scalesOf()));
  const inputs = [x, codesConstant(graph, weight, outFeatures, perRow, type, blocks), scales];
  const middle = bits === 5 ? FIVE_ZERO : 1 << (bits - 1);
  if (bits === 5) inputs.push(everywhere(graph, middle, outFeatures * perRow));
  const attributes = { K: inFeatures, N: outFeatures, bits: bits === 5 ? 8 : bits, block_size: group };
  const y = graph.node('MatMulNBits', inputs, attributes, 'com.microsoft');
  if (!hasMinima) return y;
  const offsets = graph.constant(`${weight}.offsets`, 'float32', [perRow, outFeatures], async () =>
    bytesOf(transposed(offsetsOf(await blocks(), middle - zero), outFeatures, perRow)),
  );
  return graph.node('Add', [y, graph.node('MatMul', [groupSums(graph, x, perRow, group), offsets])]);
}

async function allCodes(type: StoredType, parts: AsyncIterable<Uint8Array>): Promise<Codes> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return codesOf(type, joined(all));
}

/** Code of zero of 5 bits in a byte. */
const FIVE_ZERO = 16;

/** What a group adds for each 1 of its inputs: its minimum, and what codes are taken for that begin at `middle`. */
function offsetsOf({ scales, minima }: Codes, middle: number): Float32Array {
  return scales.map((scale, i) => scale * middle + minima![i]);
}

/** Sums of x over groups of inputs [B, T, in / group]. */
export function groupSums(graph: Graph, x: Name, perRow: number, group: number): Name {
  return graph.shared(`sums of ${x} by ${group}`, () => {
    const parted = graph.node('Reshape', [x, graph.ints([0, 0, perRow, group])]);
    return graph.node('ReduceSum', [parted, graph.ints([-1])], { keepdims: 0 });
  });
}

/** Numbers that are float16 exactly, as float32: onnxruntime widens them once, when it opens the model. */
export function halves(
  graph: Graph,
  name: string,
  shape: readonly number[],
  values: () => Promise<Float32Array>,
): Name {
  const half = graph.constant(name, 'float16', shape, async () => fromFloat32(await values(), 'F16'));
  return graph.node('Cast', [half], { to: FLOAT32 });
}

/** Codes [out, groups, bytes of a group] as MatMulNBits takes them. onnxruntime widens those of 5 bits once, when it opens the model. */
function codesConstant(
  graph: Graph,
  weight: string,
  rows: number,
  perRow: number,
  type: StoredType,
  blocks: () => Promise<Codes>,
): Name {
  const { bits, group } = layoutOf(type);
  const name = `${weight}.codes`;
  const constant = (end: string, bytes: number, content: (codes: Uint8Array) => Uint8Array) =>
    graph.constant(name + end, 'uint8', [rows, perRow, bytes], async () => content((await blocks()).codes));
  if (bits === 4) return constant('', group / 2, inNibbles);
  if (bits === 8) return constant('', group, (codes) => codes);
  const low = constant('.low', group / 2, (codes) => inFiveBits(codes).low);
  const fifth = constant('.fifth', group / 8, (codes) => inFiveBits(codes).fifth);
  const shift = (values: Name, by: Name, direction: 'LEFT' | 'RIGHT') =>
    graph.node('BitShift', [values, by], { direction });
  const fifteen = graph.bytes([15]);
  const halves = graph.node(
    'Concat',
    [graph.node('BitwiseAnd', [low, fifteen]), shift(low, graph.bytes([4]), 'RIGHT')],
    { axis: -1 },
  );
  const each = graph.node('Unsqueeze', [fifth, graph.ints([-1])]); // [out, groups, 4, 1]
  const bit = graph.node('BitwiseAnd', [shift(each, graph.bytes([0, 1, 2, 3, 4, 5, 6, 7]), 'RIGHT'), graph.bytes([1])]);
  const placed = graph.node('Reshape', [shift(bit, graph.bytes([4]), 'LEFT'), graph.ints([rows, perRow, group])]);
  return graph.node('BitwiseOr', [halves, placed]);
}

/** A byte, `count` times. */
function everywhere(graph: Graph, value: number, count: number): Name {
  return graph.shared(`${value} by ${count}`, () => graph.node('Expand', [graph.bytes([value]), graph.ints([count])]));
}
