/** @file The parts of a matrix in integers as constants, and nodes on them that onnxruntime computes once, when it opens the model. */
import { fromFloat32 } from '@arena/safetensors/tensor';
import { bytesOf, type Graph, type Name } from './graph.js';
import type { Integers } from './integers.js';
import { once } from './once.js';
import { inFiveBits } from './stored-blocks.js';
import type { Codes } from './weight-kinds.js';

const FLOAT32 = 1;

/** Adds constants of a matrix [rows, columns]; it is read once, and held until the last of them is written. */
export function partsOf(graph: Graph, { name, rows, columns, bits, group, hasOffsets, isHalf, read }: Integers) {
  const blocks = once(read, (bits === 5 ? 3 : 2) + Number(hasOffsets));
  /** Codes [rows, groups, bytes of a group]. */
  const codes = (end: string, bytes: number, content: (codes: Uint8Array) => Uint8Array) =>
    graph.constant(name + end, 'uint8', [rows, columns / group, bytes], async () => content((await blocks()).codes));
  return {
    codes,
    /** A byte a code [rows, groups, group]. */
    bytes(): Name {
      if (bits === 8) return codes('.codes', group, (all) => all);
      const low = codes('.low', group / 2, (all) => inFiveBits(all).low);
      return unpacked(graph, low, bits === 5 ? codes('.fifth', group / 8, (all) => inFiveBits(all).fifth) : undefined);
    },
    /** A float a group: scales or offsets. */
    floats(end: string, shape: readonly number[], make: (codes: Codes) => Float32Array, half = isHalf): Name {
      return floats(graph, name + end, shape, async () => make(await blocks()), half);
    },
  };
}

/** A constant in float32, or in float16 and widened: products stay in float32. */
export function floats(
  graph: Graph,
  name: string,
  shape: readonly number[],
  values: () => Promise<Float32Array>,
  isHalf: boolean,
): Name {
  if (!isHalf) return graph.constant(name, 'float32', shape, async () => bytesOf(await values()));
  const half = graph.constant(name, 'float16', shape, async () => fromFloat32(await values(), 'F16'));
  return graph.node('Cast', [half], { to: FLOAT32 });
}

/** Codes by 32, a byte each [..., 32], of their lower four bits [..., 16] and, of 5 bits, their fifth ones [..., 4]. */
function unpacked(graph: Graph, low: Name, fifth?: Name): Name {
  const shifted = (values: Name, by: number[], direction: 'LEFT' | 'RIGHT') =>
    graph.node('BitShift', [values, graph.bytes(by)], { direction });
  const masked = (values: Name, mask: number) => graph.node('BitwiseAnd', [values, graph.bytes([mask])]);
  const four = graph.node('Concat', [masked(low, 15), shifted(low, [4], 'RIGHT')], { axis: -1 });
  if (!fifth) return four;
  const each = graph.node('Unsqueeze', [fifth, graph.ints([-1])]); // [..., 4, 1]
  const bit = masked(shifted(each, [0, 1, 2, 3, 4, 5, 6, 7], 'RIGHT'), 1);
  const placed = graph.node('Reshape', [shifted(bit, [4], 'LEFT'), graph.node('Shape', [four])]);
  return graph.node('BitwiseOr', [four, placed]);
}
