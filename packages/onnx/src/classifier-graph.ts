/** @file The graph of a sequence classifier: token ids and attention mask in, logits out, the pooling inside. */
import type { DecoderConfig } from '@arena/decoder';
import { inverseFrequencies } from '@arena/decoder/ops';
import { fromFloat32 } from '@arena/safetensors/tensor';
import { bytesOf, type Graph, type Name, newGraph } from './graph.js';
import { layerNodes, rmsNorm, type Shared } from './layers.js';
import type { WeightKind } from './linear.js';
import type { ModelSource } from './model-source.js';
import { codesOf, factorsOf, layoutOf, type StoredType, wholeBlocks } from './stored-blocks.js';
import { toRows, transposed } from './weight-kinds.js';
import { isSmall } from './widened.js';

const FLOAT32 = 1;
/** Added to the scores of tokens that a query does not see. Finite: a row that sees none has a mean, not NaN. */
const UNSEEN = -1e30;
/** Rows of the embedding table that are read at a time. */
const ROWS = 4096;

/**
 * Inputs `input_ids` and `attention_mask`, int64 [batch, tokens], padded on either side; output `logits`, float32 [batch, labels], of
 * each row's last token that the mask has. Positions count from the left end: RoPE sees only differences.
 * @param widen Whether integers of linears become float32 when the model is opened; default where that takes at most 1 GB.
 */
export function classifierGraph(source: ModelSource, kind: WeightKind, widen = isSmall(source)): Graph {
  const { config } = source;
  const graph = newGraph();
  for (const name of ['input_ids', 'attention_mask']) {
    graph.inputs.push({ name, element: 'int64', shape: ['batch', 'tokens'] });
  }
  graph.outputs.push({ name: 'logits', element: 'float32', shape: ['batch', config.numLabels] });
  const shared = sharedNodes(graph);
  let x = embedded(graph, source, kind); // [B, T, H]
  for (let layer = 0; layer < config.layers.length; layer++)
    x = layerNodes(graph, x, source, layer, shared, { kind, widen });
  const pooled = rmsNorm(graph, lastTokens(graph, x), source, 'model.norm.weight'); // [B, H]
  const head = graph.constant('score.weight', 'float32', [config.hiddenSize, config.numLabels], () =>
    bytesOf(transposed(source.score, config.numLabels, config.hiddenSize)),
  );
  graph.nodes.push({ op: 'MatMul', inputs: [pooled, head], outputs: ['logits'], attributes: {} });
  return graph;
}

/** Rows of the embedding table by id, times the model's factor. Integers have a scale a row, or a GGUF base's own blocks. */
function embedded(graph: Graph, source: ModelSource, kind: WeightKind): Name {
  const { config, values } = source;
  const { vocabSize, hiddenSize, embeddingScale } = config;
  const name = 'model.embed_tokens.weight';
  const shape = [vocabSize, hiddenSize];
  async function* rows(): AsyncGenerator<Float32Array> {
    for (let row = 0; row < vocabSize; row += ROWS) yield await values(name, [row, Math.min(vocabSize, row + ROWS)]);
  }
  const mapped = (make: (some: Float32Array) => Uint8Array) =>
    async function* () {
      for await (const some of rows()) yield make(some);
    };
  const gather = (table: Name) => graph.node('Gather', [table, 'input_ids'], { axis: 0 });
  const wide = (x: Name) => graph.node('Cast', [x], { to: FLOAT32 });
  /** Integers with a scale a row. */
  function byteRows(): Name {
    const make = (part: 'codes' | 'scales') => mapped((some) => bytesOf(toRows(some, hiddenSize)[part]));
    const codes = graph.constant(`${name}.codes`, 'int8', shape, make('codes'));
    const scales = graph.constant(`${name}.scales`, 'float32', [vocabSize, 1], make('scales'));
    return graph.node('Mul', [wide(gather(codes)), gather(scales)]);
  }
  let taken: Name;
  if (kind === 'fp32') taken = gather(graph.constant(name, 'float32', shape, mapped(bytesOf)));
  else if (kind === 'fp16')
    taken = wide(
      gather(
        graph.constant(
          name,
          'float16',
          shape,
          mapped((some) => fromFloat32(some, 'F16')),
        ),
      ),
    );
  else {
    const type = source.storedType?.(name); // the file's own blocks, whatever the linears are in
    taken = type && canGather(type) ? storedRows(graph, source, name, type) : byteRows();
  }
  return graph.node('Mul', [taken, graph.float(embeddingScale)]);
}

/** Blocks whose scales are float16 and whose zero is a code: 8 bits and 16 a group are all that a row needs. */
function canGather(type: StoredType): boolean {
  const { isHalf, hasMinima } = layoutOf(type);
  return isHalf && !hasMinima;
}

/** Rows of a table in blocks, each group times its scale [B, T, H]. */
function storedRows(graph: Graph, source: ModelSource, name: Name, type: StoredType): Name {
  const { vocabSize, hiddenSize } = source.config;
  const { group, zero } = layoutOf(type);
  const perRow = hiddenSize / group;
  const make = (part: (blocks: Uint8Array) => Uint8Array) =>
    async function* () {
      for await (const blocks of wholeBlocks(type, source.stored!(name))) yield part(blocks);
    };
  const signed = (blocks: Uint8Array) => {
    const { codes } = codesOf(type, blocks);
    for (let i = 0; i < codes.length; i++) codes[i] -= zero; // two's complement
    return codes;
  };
  const halves = (blocks: Uint8Array) => fromFloat32(factorsOf(type, blocks).scales, 'F16');
  const codes = graph.constant(`${name}.codes`, 'int8', [vocabSize, perRow, group], make(signed));
  const scales = graph.constant(`${name}.scales`, 'float16', [vocabSize, perRow, 1], make(halves));
  const taken = (table: Name) =>
    graph.node('Cast', [graph.node('Gather', [table, 'input_ids'], { axis: 0 })], { to: FLOAT32 });
  const whole = graph.node('Mul', [taken(codes), taken(scales)]); // [B, T, groups, group]
  return graph.node('Reshape', [whole, graph.ints([0, 0, hiddenSize])]);
}

/** The state of each row's last token in the mask [B, H]. */
function lastTokens(graph: Graph, x: Name): Name {
  const numbered = graph.node('Mul', ['attention_mask', positions(graph)]);
  const last = graph.node('ReduceMax', [numbered, graph.ints([1])], { keepdims: 1 }); // [B, 1]
  return graph.node('GatherND', [x, last], { batch_dims: 1 });
}

/** 0, 1, ... T - 1 as int64 [T]. */
function positions(graph: Graph): Name {
  const length = graph.node('Gather', [graph.node('Shape', ['input_ids']), graph.ints(1)], { axis: 0 });
  return graph.node('Range', [graph.ints(0), length, graph.ints(1)]);
}

function sharedNodes(graph: Graph): Shared {
  const position = positions(graph);
  const query = graph.node('Unsqueeze', [position, graph.ints([1])]); // [T, 1]
  const causal = graph.node('LessOrEqual', [position, query]); // [T, T]: key at or before query
  const given = graph.node('Unsqueeze', [
    graph.node('Equal', ['attention_mask', graph.ints(1)]),
    graph.ints([1, 2, 3]),
  ]); // [B, 1, 1, 1, T]
  const places = graph.node('Unsqueeze', [graph.node('Cast', [position], { to: FLOAT32 }), graph.ints([1])]); // [T, 1]
  const masks = new Map<number, Name>();
  const rotations = new Map<string, [Name, Name]>();
  return {
    mask(window) {
      const known = masks.get(window);
      if (known) return known;
      const near = window
        ? graph.node('And', [causal, graph.node('Less', [query, graph.node('Add', [position, graph.ints(window)])])])
        : causal;
      const seen = graph.node('And', [near, given]); // [B, 1, 1, T, T]
      const mask = graph.node('Where', [seen, graph.float(0), graph.float(UNSEEN)]);
      masks.set(window, mask);
      return mask;
    },
    rotation(layer: DecoderConfig['layers'][number]) {
      const key = JSON.stringify([layer.rope, layer.headDim]);
      const known = rotations.get(key);
      if (known) return known;
      const { headDim, rope } = layer;
      const half = inverseFrequencies({ headDim, ...rope, inverse: false });
      const name = `rope_${rotations.size}.frequencies`;
      const both = graph.constant(name, 'float32', [headDim], () => bytesOf(Float32Array.of(...half, ...half)));
      const angles = graph.node('Mul', [places, both]); // [T, headDim]
      const pair: [Name, Name] = [graph.node('Cos', [angles]), graph.node('Sin', [angles])];
      rotations.set(key, pair);
      return pair;
    },
  };
}
