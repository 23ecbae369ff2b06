/**
 * @file Integers in the file, float32 in memory: onnxruntime computes these nodes once, when it opens the model, since all that they
 * take is constant. Products are then as fast as those of float32, where MatMulNBits widens its codes in every pass.
 */
import { linearModules } from '@arena/decoder/checkpoint';
import { CODEBOOK } from '@arena/quant/state';
import { bytesOf, type Graph, type Name } from './graph.js';
import type { Integers } from './integers.js';
import type { ModelSource, Nf4 } from './model-source.js';
import { once } from './once.js';
import { partsOf } from './unpacked.js';

const FLOAT32 = 1;
const INT32 = 6;
/** Most bytes of all linears in float32 that are widened: a tab has 4 GB, and room for other things. */
const LARGEST = 1e9;

/** Whether linears are widened by default. */
export function isSmall({ config }: ModelSource): boolean {
  const values = linearModules(config).reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  return 4 * values <= LARGEST;
}

/** The matrix [columns, rows], as MatMul takes it: scale (code - zero) + offset. */
export function widened(graph: Graph, integers: Integers): Name {
  const { rows, columns, group, zero, hasOffsets } = integers;
  const { bytes, floats } = partsOf(graph, integers);
  const eachGroup = [rows, columns / group, 1];
  const wide = graph.node('Cast', [bytes()], { to: FLOAT32 });
  const steps = zero ? graph.node('Sub', [wide, graph.float(zero)]) : wide;
  const scaled = graph.node('Mul', [steps, floats('.scales', eachGroup, ({ scales }) => scales)]);
  const values = hasOffsets
    ? graph.node('Add', [scaled, floats('.offsets', eachGroup, ({ offsets }) => offsets!)])
    : scaled;
  return turned(graph, values, rows, columns);
}

/** The matrix [columns, rows] of NF4 codes, two a byte, the first in the upper half. */
export function widenedNf4(
  graph: Graph,
  { name, rows, columns, blockSize }: { name: string; rows: number; columns: number; blockSize: number },
  read: () => Promise<Nf4>,
): Name {
  const both = once(read, 2);
  const count = rows * columns;
  const packed = graph.constant(`${name}.codes`, 'uint8', [count / 2, 1], async () => (await both()).codes);
  const absmax = graph.constant(`${name}.absmax`, 'float32', [count / blockSize, 1], async () =>
    bytesOf((await both()).absmax),
  );
  const first = graph.node('BitShift', [packed, graph.bytes([4])], { direction: 'RIGHT' });
  const second = graph.node('BitwiseAnd', [packed, graph.bytes([15])]);
  const codes = graph.node('Cast', [graph.node('Concat', [first, second], { axis: 1 })], { to: INT32 });
  const table = graph.constant('nf4', 'float32', [16], () => bytesOf(CODEBOOK.nf4));
  const inBlocks = graph.node('Reshape', [
    graph.node('Gather', [table, codes], { axis: 0 }),
    graph.ints([-1, blockSize]),
  ]);
  return turned(graph, graph.node('Mul', [inBlocks, absmax]), rows, columns);
}

/** Values in the order of [rows, columns] as [columns, rows]. */
function turned(graph: Graph, values: Name, rows: number, columns: number): Name {
  const matrix = graph.node('Reshape', [values, graph.ints([rows, columns])]);
  return graph.node('Transpose', [matrix], { perm: [1, 0] });
}
