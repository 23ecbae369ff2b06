/** @file Products with integers as the file has them: onnxruntime's MatMulNBits, and what it lacks. */
import type { Graph, Name } from './graph.js';
import type { Integers } from './integers.js';
import { inNibbles } from './stored-blocks.js';
import { partsOf } from './unpacked.js';
import { transposed } from './weight-kinds.js';

/** Code of zero of 5 bits in a byte: MatMulNBits has another of its own. */
const FIVE_ZERO = 16;

/**
 * x [B, T, in] times the matrix. MatMulNBits knows whole codes for zero alone, and in a browser's WebGPU no float ones: offsets are a
 * product of their own, of the sums of x over each group. Codes of 5 bits are put into bytes when the model is opened.
 */
export function blockProduct(graph: Graph, x: Name, integers: Integers): Name {
  const { rows, columns, bits, group, zero, hasOffsets, isHalf } = integers;
  const perRow = columns / group;
  const size = rows * perRow;
  const { codes, bytes, floats } = partsOf(graph, integers);
  const inputs = [
    x,
    bits === 4 ? codes('.codes', group / 2, inNibbles) : bytes(),
    floats('.scales', [size], ({ scales }) => scales),
  ];
  const middle = bits === 5 ? FIVE_ZERO : 1 << (bits - 1);
  if (bits === 5) inputs.push(graph.node('Expand', [graph.bytes([middle]), graph.ints([size])]));
  const attributes = { K: columns, N: rows, bits: bits === 5 ? 8 : bits, block_size: group };
  const y = graph.node('MatMulNBits', inputs, attributes, 'com.microsoft');
  if (!hasOffsets) return y;
  // what a group adds for each 1 of its inputs, where codes count from the middle
  const offsets = floats(
    '.offsets',
    [perRow, rows],
    (one) =>
      transposed(
        one.scales.map((scale, i) => scale * (middle - zero) + one.offsets![i]),
        rows,
        perRow,
      ),
    isHalf && middle === zero,
  );
  return graph.node('Add', [y, graph.node('MatMul', [groupSums(graph, x, perRow, group), offsets])]);
}

/** Sums of x over groups of inputs [B, T, in / group]. */
function groupSums(graph: Graph, x: Name, perRow: number, group: number): Name {
  return graph.shared(`sums of ${x} by ${group}`, () => {
    const parted = graph.node('Reshape', [x, graph.ints([0, 0, perRow, group])]);
    return graph.node('ReduceSum', [parted, graph.ints([-1])], { keepdims: 0 });
  });
}
