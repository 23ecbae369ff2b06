/** @file Codes of fewer than 8 bits in the file, taken apart by nodes that onnxruntime computes once, when it opens the model. */
import { fromFloat32 } from '@arena/safetensors/tensor';
import type { Graph, Name } from './graph.js';

const FLOAT32 = 1;

/** Numbers that are float16 exactly, as float32. */
export function halves(
  graph: Graph,
  name: string,
  shape: readonly number[],
  values: () => Promise<Float32Array>,
): Name {
  const half = graph.constant(name, 'float16', shape, async () => fromFloat32(await values(), 'F16'));
  return graph.node('Cast', [half], { to: FLOAT32 });
}

/** Codes of 4 or 5 bits by 32, a byte each [..., 32], of their lower bits [..., 16] and, of 5, their fifth ones [..., 4]. */
export function unpacked(graph: Graph, low: Name, fifth?: Name): Name {
  const under = graph.node('BitwiseAnd', [low, graph.bytes([15])]);
  const over = shifted(graph, low, [4], 'RIGHT');
  const four = graph.node('Concat', [under, over], { axis: -1 });
  if (!fifth) return four;
  const each = graph.node('Unsqueeze', [fifth, graph.ints([-1])]); // [..., 4, 1]
  const bit = graph.node('BitwiseAnd', [shifted(graph, each, [0, 1, 2, 3, 4, 5, 6, 7], 'RIGHT'), graph.bytes([1])]);
  const placed = graph.node('Reshape', [shifted(graph, bit, [4], 'LEFT'), graph.node('Shape', [four])]);
  return graph.node('BitwiseOr', [four, placed]);
}

function shifted(graph: Graph, values: Name, by: number[], direction: 'LEFT' | 'RIGHT'): Name {
  return graph.node('BitShift', [values, graph.bytes(by)], { direction });
}
