/** @file A LoRA adapter as llama.cpp's `--lora` takes it (convert_lora_to_gguf.py and llama-adapter.cpp there). */
import { GgufError } from '../errors.js';
import { ggmlNames } from '../names.js';
import { encodeBlocks } from './encode.js';
import type { GgufContent, TensorContent } from './file.js';
import { type ModelShape, shapePairs } from './shape.js';
import { given } from './value.js';

/** What an adapter adds to a linear: y += scaling (x A^T) B^T. */
export interface LoraMatrices {
  /** Hugging Face's path of the linear, such as `model.layers.0.self_attn.q_proj`. */
  path: string;
  /** [r, inFeatures] */
  A: Float32Array;
  /** [outFeatures, r] */
  B: Float32Array;
  r: number;
  scaling: number;
}

/** How an adapter is written. */
export interface LoraOptions {
  /** Of the base, which llama.cpp has to be able to run. */
  shape: ModelShape;
  matrices: readonly LoraMatrices[];
  /** Type of the matrices. Default F32. */
  type?: 'F32' | 'F16';
  /** `general.name`, and the name in messages. */
  name: string;
  /** `general.description`. */
  description?: string;
}

/** Numbers of llama.cpp's LLAMA_FTYPE. */
const FILE_TYPES = { F32: 0, F16: 1 };

/**
 * The GGUF file of a LoRA adapter. llama.cpp scales each pair by alpha / r, with one alpha for all: it is the one that gives most
 * linears their scaling (with rsLoRA alpha times the root of r), and B of the others is multiplied by what is left.
 * @throws GgufError naming what the base has and llama.cpp cannot do, a linear that its model has not, or matrices that are none of rank r.
 */
export function loraGguf(options: LoraOptions): GgufContent {
  const { shape, matrices, type = 'F32', name, description } = options;
  const { architecture } = shapePairs(shape, name);
  const layers = shape.layers.length;
  const names = ggmlNames(architecture, layers);
  const alpha = commonAlpha(matrices);
  const tensors = matrices.flatMap((pair): TensorContent[] => {
    const { path, A, B, r, scaling } = pair;
    const ggml = names.get(`${path}.weight`)?.ggml;
    if (ggml === undefined || !path.includes('.layers.')) {
      throw new GgufError(
        'llama_cpp',
        `${path}: llama.cpp's ${architecture} of ${layers} layers has no such linear`,
        name,
      );
    }
    const [inFeatures, outFeatures] = [A.length / r, B.length / r];
    if (!Number.isInteger(inFeatures) || !Number.isInteger(outFeatures)) {
      throw new GgufError('tensor', `${path}: ${A.length} and ${B.length} values are no matrices of rank ${r}`, name);
    }
    const rest = (scaling * r) / alpha;
    const b = rest === 1 ? B : B.map((value) => value * rest);
    return [
      { name: `${ggml}.lora_a`, type, shape: [r, inFeatures], blocks: async () => encodeBlocks(type, A) },
      { name: `${ggml}.lora_b`, type, shape: [outFeatures, r], blocks: async () => encodeBlocks(type, b) },
    ];
  });
  const pairs = given([
    ['general.architecture', ['string', architecture]],
    ['general.type', ['string', 'adapter']],
    ['adapter.type', ['string', 'lora']],
    ['general.name', ['string', name]],
    ['general.description', description !== undefined && ['string', description]],
    ['general.file_type', ['u32', FILE_TYPES[type]]],
    ['adapter.lora.alpha', ['f32', alpha]],
  ]);
  return { metadata: new Map(pairs), tensors };
}

/** The alpha that most linears have; llama.cpp takes 0 for "no alpha, scale 1", so that it is never 0. */
function commonAlpha(matrices: readonly LoraMatrices[]): number {
  const counts = new Map<number, number>();
  for (const { r, scaling } of matrices) {
    const alpha = Math.fround(scaling * r);
    if (alpha) counts.set(alpha, (counts.get(alpha) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? 1;
}
