/** @file The layers of a decoder as nodes: the arithmetic of `@arena/decoder`, in ONNX's own operators but for products. */
import type { DecoderConfig } from '@arena/decoder';
import { linearModules } from '@arena/decoder/checkpoint';
import { bytesOf, type Graph, type Name } from './graph.js';
import { type LinearForm, linear } from './linear.js';
import type { ModelSource } from './model-source.js';

/** What all layers share. */
export interface Shared {
  /** 0 where a query sees a key, else very negative [B, 1, 1, T, T], by the layer's window. */
  mask(window: number): Name;
  /** cos and sin of the rotation, [T, headDim] each, by the layer's RoPE. */
  rotation(layer: DecoderConfig['layers'][number]): [cos: Name, sin: Name];
}

/** x [B, T, H] -> [B, T, H]. */
export function layerNodes(
  graph: Graph,
  x: Name,
  source: ModelSource,
  index: number,
  shared: Shared,
  form: LinearForm,
): Name {
  const { config } = source;
  const modules = linearModules(config).filter(({ layer }) => layer === index);
  const path = `model.layers.${index}`;
  const product = (input: Name, name: string) =>
    linear(graph, input, source, modules.find((one) => one.name === name)!, form);
  const norm = (input: Name, name: string) => rmsNorm(graph, input, source, `${path}.${name}.weight`);
  const attended = attention(graph, norm(x, 'input_layernorm'), config.layers[index], shared, {
    product,
    norm: (input, name) => norm(input, `self_attn.${name}`),
  });
  const h = graph.node('Add', [x, norm(attended, 'post_attention_layernorm')]);
  const normed = norm(h, 'pre_feedforward_layernorm');
  const gate = geluTanh(graph, product(normed, 'mlp.gate_proj'));
  const wide = graph.node('Mul', [gate, product(normed, 'mlp.up_proj')]);
  return graph.node('Add', [h, norm(product(wide, 'mlp.down_proj'), 'post_feedforward_layernorm')]);
}

/** What attention takes from its layer. */
interface Parts {
  product(input: Name, name: string): Name;
  norm(input: Name, name: string): Name;
}

function attention(
  graph: Graph,
  x: Name,
  shape: DecoderConfig['layers'][number],
  shared: Shared,
  { product, norm }: Parts,
): Name {
  const { heads, keyValueHeads, headDim, scale, softcap, window, qkNorm } = shape;
  const group = heads / keyValueHeads;
  const split = (name: 'q' | 'k' | 'v', count: number) => {
    const whole = product(x, `self_attn.${name}_proj`); // [B, T, count * headDim]
    const parted = graph.node('Reshape', [whole, graph.ints([0, 0, count, headDim])]);
    const normed = qkNorm && name !== 'v' ? norm(parted, `${name}_norm`) : parted;
    const turned = graph.node('Transpose', [normed], { perm: [0, 2, 1, 3] }); // [B, count, T, headDim]
    return name === 'v' ? turned : rotated(graph, turned, shared.rotation(shape), headDim);
  };
  // queries of a group beside each other, so that keys and values broadcast over them
  const q = graph.node('Reshape', [split('q', heads), graph.ints([0, keyValueHeads, group, -1, headDim])]);
  const k = graph.node('Unsqueeze', [split('k', keyValueHeads), graph.ints([2])]); // [B, kv, 1, T, headDim]
  const v = graph.node('Unsqueeze', [split('v', keyValueHeads), graph.ints([2])]);
  const scaled = graph.node('Mul', [q, graph.float(scale)]);
  let scores = graph.node('MatMul', [scaled, graph.node('Transpose', [k], { perm: [0, 1, 2, 4, 3] })]); // [B, kv, group, T, T]
  if (softcap) {
    const capped = graph.node('Tanh', [graph.node('Div', [scores, graph.float(softcap)])]);
    scores = graph.node('Mul', [capped, graph.float(softcap)]);
  }
  const weights = graph.node('Softmax', [graph.node('Add', [scores, shared.mask(window)])], { axis: -1 });
  const mixed = graph.node('MatMul', [weights, v]); // [B, kv, group, T, headDim]
  const perHead = graph.node('Reshape', [mixed, graph.ints([0, heads, -1, headDim])]);
  const rows = graph.node('Transpose', [perHead], { perm: [0, 2, 1, 3] }); // [B, T, heads, headDim]
  return product(graph.node('Reshape', [rows, graph.ints([0, 0, heads * headDim])]), 'self_attn.o_proj');
}

/** x cos + (-x2, x1) sin, where x1 and x2 are the halves of a head. */
function rotated(graph: Graph, x: Name, [cos, sin]: [Name, Name], headDim: number): Name {
  const [first, second] = graph.several('Split', [x, graph.ints([headDim / 2, headDim / 2])], 2, { axis: -1 });
  const turned = graph.node('Concat', [graph.node('Neg', [second]), first], { axis: -1 });
  return graph.node('Add', [graph.node('Mul', [x, cos]), graph.node('Mul', [turned, sin])]);
}

/** x / sqrt(mean(x^2) + eps) (1 + weight), over the last axis. */
export function rmsNorm(graph: Graph, x: Name, source: ModelSource, weight: string): Name {
  const width = weight.endsWith('_norm.weight') ? source.config.layers[0].headDim : source.config.hiddenSize;
  const factors = graph.constant(`${weight}.factors`, 'float32', [width], async () =>
    bytesOf((await source.values(weight)).map((value) => 1 + value)),
  );
  const square = graph.node('Pow', [x, graph.float(2)]);
  const mean = graph.node('ReduceMean', [square, graph.ints([-1])], { keepdims: 1 });
  const size = graph.node('Sqrt', [graph.node('Add', [mean, graph.float(source.config.rmsNormEps)])]);
  return graph.node('Mul', [graph.node('Div', [x, size]), factors]);
}

/** 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), PyTorch's gelu(approximate='tanh'). */
function geluTanh(graph: Graph, x: Name): Name {
  const cube = graph.node('Mul', [graph.node('Mul', [x, x]), x]);
  const inner = graph.node('Add', [x, graph.node('Mul', [cube, graph.float(0.044715)])]);
  const tanh = graph.node('Tanh', [graph.node('Mul', [inner, graph.float(Math.sqrt(2 / Math.PI))])]);
  return graph.node('Mul', [graph.node('Mul', [x, graph.float(0.5)]), graph.node('Add', [tanh, graph.float(1)])]);
}
