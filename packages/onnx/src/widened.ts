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
import { inFiveBits } from './stored-blocks.js';
import { halves, unpacked } from './unpacked.js';

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
  const { name, rows, columns, bits, group, zero, hasOffsets, isHalf, read } = integers;
  const perRow = columns / group;
  const blocks = once(read, { 4: 2, 5: 3, 8: 2 }[bits] + Number(hasOffsets));
  const constant = (end: string, bytes: number, content: (codes: Uint8Array) => Uint8Array) =>
    graph.constant(name + end, 'uint8', [rows, perRow, bytes], async () => content((await blocks()).codes));
  const eachGroup = (end: string, part: 'scales' | 'offsets') => {
    const values = async () => (await blocks())[part]!;
    const shape = [rows, perRow, 1];
    return isHalf
      ? halves(graph, name + end, shape, values)
      : graph.constant(name + end, 'float32', shape, async () => bytesOf(await values()));
  };
  const codes =
    bits === 8
      ? constant('.codes', group, (all) => all)
      : unpacked(
          graph,
          constant('.low', group / 2, (all) => inFiveBits(all).low),
          bits === 5 ? constant('.fifth', group / 8, (all) => inFiveBits(all).fifth) : undefined,
        );
  const wide = graph.node('Cast', [codes], { to: FLOAT32 });
  const steps = zero ? graph.node('Sub', [wide, graph.float(zero)]) : wide;
  const scaled = graph.node('Mul', [steps, eachGroup('.scales', 'scales')]);
  const values = hasOffsets ? graph.node('Add', [scaled, eachGroup('.offsets', 'offsets')]) : scaled;
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
