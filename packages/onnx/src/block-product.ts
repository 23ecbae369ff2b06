/** @file Products with integers as the file has them: onnxruntime's MatMulNBits, and what it lacks. */
import { bytesOf, type Graph, type Name } from './graph.js';
import type { Integers } from './integers.js';
import { once } from './once.js';
import { inFiveBits, inNibbles } from './stored-blocks.js';
import { halves, unpacked } from './unpacked.js';
import { type Codes, transposed } from './weight-kinds.js';

/**
 * x [B, T, in] times the matrix. MatMulNBits knows whole codes for zero alone, and in a browser's WebGPU no float ones: offsets are a
 * product of their own, of the sums of x over each group. Codes of 5 bits are put into bytes when the model is opened.
 */
export function blockProduct(graph: Graph, x: Name, integers: Integers): Name {
  const { name, rows, columns, bits, group, zero, hasOffsets, isHalf, read } = integers;
  const perRow = columns / group;
  const blocks = once(read, { 4: 2, 5: 3, 8: 2 }[bits] + Number(hasOffsets));
  const scalesOf = async () => (await blocks()).scales;
  const size = [rows * perRow];
  const scales = isHalf
    ? halves(graph, `${name}.scales`, size, scalesOf)
    : graph.constant(`${name}.scales`, 'float32', size, async () => bytesOf(await scalesOf()));
  const inputs = [x, codesConstant(graph, integers, blocks), scales];
  const middle = bits === 5 ? FIVE_ZERO : 1 << (bits - 1);
  if (bits === 5) inputs.push(everywhere(graph, middle, rows * perRow));
  const attributes = { K: columns, N: rows, bits: bits === 5 ? 8 : bits, block_size: group };
  const y = graph.node('MatMulNBits', inputs, attributes, 'com.microsoft');
  if (!hasOffsets) return y;
  const offsetsOf = async () => transposed(offsetsAt(await blocks(), middle - zero), rows, perRow);
  const shape = [perRow, rows];
  const offsets =
    isHalf && middle === zero
      ? halves(graph, `${name}.offsets`, shape, offsetsOf)
      : graph.constant(`${name}.offsets`, 'float32', shape, async () => bytesOf(await offsetsOf()));
  return graph.node('Add', [y, graph.node('MatMul', [groupSums(graph, x, perRow, group), offsets])]);
}

/** Code of zero of 5 bits in a byte: MatMulNBits has another of its own. */
const FIVE_ZERO = 16;

/** What a group adds for each 1 of its inputs where codes count from `steps` above the matrix' own zero. */
function offsetsAt({ scales, offsets }: Codes, steps: number): Float32Array {
  return scales.map((scale, i) => scale * steps + offsets![i]);
}

/** Sums of x over groups of inputs [B, T, in / group]. */
function groupSums(graph: Graph, x: Name, perRow: number, group: number): Name {
  return graph.shared(`sums of ${x} by ${group}`, () => {
    const parted = graph.node('Reshape', [x, graph.ints([0, 0, perRow, group])]);
    return graph.node('ReduceSum', [parted, graph.ints([-1])], { keepdims: 0 });
  });
}

/** Codes [rows, groups, bytes of a group] as MatMulNBits takes them. */
function codesConstant(
  graph: Graph,
  { name, rows, columns, bits, group }: Integers,
  blocks: () => Promise<Codes>,
): Name {
  const constant = (end: string, bytes: number, content: (codes: Uint8Array) => Uint8Array) => {
    const shape = [rows, columns / group, bytes];
    return graph.constant(name + end, 'uint8', shape, async () => content((await blocks()).codes));
  };
  if (bits === 4) return constant('.codes', group / 2, inNibbles);
  if (bits === 8) return constant('.codes', group, (codes) => codes);
  const low = constant('.low', group / 2, (codes) => inFiveBits(codes).low);
  return unpacked(
    graph,
    low,
    constant('.fifth', group / 8, (codes) => inFiveBits(codes).fifth),
  );
}

/** A byte, `count` times. */
function everywhere(graph: Graph, value: number, count: number): Name {
  return graph.shared(`${value} by ${count}`, () => graph.node('Expand', [graph.bytes([value]), graph.ints([count])]));
}
