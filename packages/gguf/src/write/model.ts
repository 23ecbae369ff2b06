/** @file A Gemma 2 or 3 as a GGUF model that llama.cpp runs: its shape as metadata, its tensors under ggml's names. */
import type { Weights } from '@arena/files';
import { GgufError } from '../errors.js';
import type { Architecture } from '../fields.js';
import { expectedTensors, ggmlNames, HEAD } from '../names.js';
import { encodeBlocks, fits, type WrittenType } from './encode.js';
import type { GgufContent, TensorContent } from './file.js';
import { type ModelShape, shapePairs } from './shape.js';
import { given, type MetadataPairs } from './value.js';

export type { ModelShape } from './shape.js';

/** How a model is written. */
export interface ModelOptions {
  shape: ModelShape;
  /** Its tensors by Hugging Face's names; those that llama.cpp's model has not, such as a score head, are left out. */
  weights: Pick<Weights, 'tensors' | 'readFloat32'>;
  /** Type of the matrices. A row that is no whole number of blocks is F16; norms are F32. Default F16. */
  type?: WrittenType;
  /** Longest text that it was made for, in tokens. */
  contextLength: number;
  /** `general.name`, and the name in messages: a hub id, never a path. */
  name: string;
  /** `general.description`. */
  description?: string;
  /** Other pairs, the tokenizer's among them (`tokenizerPairs`); the shape's own win. */
  metadata: MetadataPairs;
}

/** Numbers of llama.cpp's LLAMA_FTYPE. */
const FILE_TYPES: Readonly<Record<WrittenType, number>> = { F32: 0, F16: 1, Q8_0: 7, BF16: 32 };
/** Of the layout of quantised blocks, ggml's GGML_QNT_VERSION. */
const QUANTIZATION_VERSION = 2;
/** Rows that are encoded at a time. */
const PART_VALUES = 1 << 22;

/**
 * The GGUF file of a model. Each matrix is read when it is written: memory holds one.
 * @throws GgufError naming what the model has and llama.cpp cannot do, a missing tensor, or a missing tokenizer.
 */
export function modelGguf(options: ModelOptions): GgufContent {
  const { shape, type = 'F16', contextLength, name, description, metadata } = options;
  const { architecture, pairs } = shapePairs(shape, name);
  if (!metadata.has('tokenizer.ggml.tokens')) {
    throw new GgufError('llama_cpp', 'there is no tokenizer, without which llama.cpp opens no model', name);
  }
  const own = given([
    ['general.architecture', ['string', architecture]],
    ['general.type', ['string', 'model']],
    ['general.name', ['string', name]],
    ['general.description', description !== undefined && ['string', description]],
    ['general.file_type', ['u32', FILE_TYPES[type]]],
    ['general.quantization_version', type === 'Q8_0' && ['u32', QUANTIZATION_VERSION]],
    [`${architecture}.context_length`, ['u32', contextLength]],
    ...pairs,
  ]);
  const ours = new Set(own.map(([key]) => key));
  const others = [...metadata].filter(([key]) => !ours.has(key));
  return { metadata: new Map([...own, ...others]), tensors: tensorsOf(options, architecture, type) };
}

function tensorsOf(
  { shape, weights, name }: ModelOptions,
  architecture: Architecture,
  type: WrittenType,
): TensorContent[] {
  const layers = shape.layers.length;
  const names = ggmlNames(architecture, layers);
  const hasHead = weights.tensors.has(HEAD[1].name);
  if (hasHead && architecture === 'gemma2') {
    const why = `has an output matrix of its own (${HEAD[1].name}); llama.cpp's gemma2 always uses the embedding`;
    throw new GgufError('llama_cpp', why, name);
  }
  const wanted = [...expectedTensors(architecture, layers).values(), ...(hasHead ? [HEAD[1]] : [])];
  return wanted.map((hub) => {
    const tensor = weights.tensors.get(hub.name);
    const { ggml, norm } = names.get(hub.name)!;
    if (!tensor)
      throw new GgufError('tensor', `is missing: a ${architecture} of ${layers} layers has it`, name, {
        tensor: hub.name,
      });
    const dims = matrixShape(shape, hub.name) ?? tensor.shape;
    const row = dims.at(-1)!;
    const own = norm ? 'F32' : fits(type, row) ? type : 'F16';
    return { name: ggml, type: own, shape: dims, blocks: () => blocksOf(weights, hub.name, dims, norm, own) };
  });
}

/** Shape of a linear; 4-bit codes are stored as one column. */
function matrixShape(shape: ModelShape, name: string): [number, number] | undefined {
  const [, layer, part] = /^model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)_proj\.weight$/.exec(name) ?? [];
  if (layer === undefined) return undefined;
  const { hiddenSize: hidden, intermediateSize: inner } = shape;
  const { heads, keyValueHeads, headDim } = shape.layers[Number(layer)];
  const shapes: Record<string, [number, number]> = {
    q: [heads * headDim, hidden],
    k: [keyValueHeads * headDim, hidden],
    v: [keyValueHeads * headDim, hidden],
    o: [hidden, heads * headDim],
    gate: [inner, hidden],
    up: [inner, hidden],
    down: [hidden, inner],
  };
  return shapes[part];
}

/** The embedding by rows, other matrices whole: a linear may be merged when it is read. */
async function* blocksOf(
  weights: ModelOptions['weights'],
  name: string,
  dims: readonly number[],
  norm: boolean,
  type: WrittenType,
): AsyncGenerator<Uint8Array> {
  const [rows, row] = dims;
  const isTable = name === 'model.embed_tokens.weight' || name === HEAD[1].name;
  const step = isTable ? Math.max(1, Math.floor(PART_VALUES / row)) : rows;
  for (let begin = 0; begin < rows; begin += step) {
    const range: [number, number] = [begin, Math.min(rows, begin + step)];
    const values = isTable ? await weights.readFloat32(name, range) : await weights.readFloat32(name);
    // llama.cpp's norms multiply by what is stored
    yield encodeBlocks(type, norm ? values.map((value) => value + 1) : values);
  }
}
