/** @file The shape of a Gemma 2 or 3 as llama.cpp's metadata, and what llama.cpp cannot do, refused. The other way is config.ts. */
import { GgufError } from '../errors.js';
import { type Architecture, LAYERS_27B } from '../fields.js';
import { given, type MetadataPair } from './value.js';

/** What decides a model's arithmetic: `DecoderConfig` of `@arena/decoder` is one. */
export interface ModelShape {
  /** `gemma2` or `gemma3_text`. */
  modelType: string;
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  rmsNormEps: number;
  /** 0 for none. */
  finalLogitSoftcapping: number;
  layers: readonly LayerShape[];
}

interface LayerShape {
  heads: number;
  keyValueHeads: number;
  headDim: number;
  /** Factor of q k^T. */
  scale: number;
  /** 0 for none. */
  softcap: number;
  /** Tokens that a query sees; 0 for all before it. */
  window: number;
  rope: { theta: number; factor: number };
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = { gemma2: 'gemma2', gemma3_text: 'gemma3' };
/** The window of a Gemma 2 without one: llama.cpp's gemma2 always has a window, and no text is as long as this. */
const NO_WINDOW = 2 ** 24;

/**
 * The keys of the architecture.
 * @throws GgufError naming what llama.cpp cannot do: another family, a scale of attention of its own, layers that differ beyond
 * their windows and RoPE bases.
 */
export function shapePairs(shape: ModelShape, name: string): { architecture: Architecture; pairs: MetadataPair[] } {
  const architecture = ARCHITECTURES[shape.modelType];
  const fail = (message: string): never => {
    throw new GgufError('llama_cpp', message, name);
  };
  if (!architecture) return fail(`is a ${shape.modelType}; gemma2 and gemma3_text are written for llama.cpp`);
  const { hiddenSize, layers, finalLogitSoftcapping } = shape;
  const [first] = layers;
  const same = <T>(what: string, of: (layer: LayerShape) => T, some: readonly LayerShape[] = layers): T | undefined => {
    const values = new Set(some.map(of));
    if (values.size > 1)
      fail(`its layers differ in ${what} (${[...values].join(', ')}), which llama.cpp's ${architecture} cannot`);
    return [...values][0];
  };
  same('heads', ({ heads }) => heads);
  same('key-value heads', ({ keyValueHeads }) => keyValueHeads);
  same('the width of a head', ({ headDim }) => headDim);
  const scale = same('the scale of attention', (layer) => layer.scale)!;
  const width = layers.length === LAYERS_27B[architecture] ? Math.floor(hiddenSize / first.heads) : first.headDim;
  if (Math.abs(scale * Math.sqrt(width) - 1) > 1e-6) {
    fail(`scales attention by ${scale}; llama.cpp's ${architecture} by 1 / sqrt(${width}) and nothing else`);
  }
  const full = layers.filter(({ window }) => !window);
  const sliding = layers.filter(({ window }) => window);
  const window = same('the window', (layer) => layer.window, sliding);
  const theta = same('the RoPE base of full layers', ({ rope }) => rope.theta, full);
  const factor = same('the RoPE scaling of full layers', ({ rope }) => rope.factor, full) ?? 1;
  const localTheta = same('the RoPE base of window layers', ({ rope }) => rope.theta, sliding);
  const localFactor = same('the RoPE scaling of window layers', ({ rope }) => rope.factor, sliding) ?? 1;
  const softcap = same('the soft cap of attention', (layer) => layer.softcap)!;
  if (localFactor !== 1)
    fail(`scales RoPE in window layers by ${localFactor}, which llama.cpp's ${architecture} does not`);
  if (factor !== 1 && architecture === 'gemma2') fail(`scales RoPE by ${factor}, which is not known of a Gemma 2`);
  if (softcap && architecture === 'gemma3') fail(`caps attention at ${softcap}, which llama.cpp's gemma3 does not`);
  if (architecture === 'gemma2' && !(softcap && finalLogitSoftcapping)) {
    fail("has no soft cap on its attention or its logits; llama.cpp's gemma2 always has both");
  }
  const pairs = given([
    ['embedding_length', ['u32', hiddenSize]],
    ['block_count', ['u32', layers.length]],
    ['feed_forward_length', ['u32', shape.intermediateSize]],
    ['attention.head_count', ['u32', first.heads]],
    ['attention.head_count_kv', ['u32', first.keyValueHeads]],
    ['attention.key_length', ['u32', first.headDim]],
    ['attention.value_length', ['u32', first.headDim]],
    ['attention.layer_norm_rms_epsilon', ['f32', shape.rmsNormEps]],
    ['rope.freq_base', ['f32', (theta ?? localTheta)!]],
    ['rope.freq_base_swa', localTheta !== undefined && ['f32', localTheta]],
    ['rope.scaling.type', factor !== 1 && ['string', 'linear']],
    ['rope.scaling.factor', factor !== 1 && ['f32', factor]],
    ...windowPairs(architecture, layers, window),
    ['attn_logit_softcapping', softcap !== 0 && ['f32', softcap]],
    ['final_logit_softcapping', finalLogitSoftcapping !== 0 && ['f32', finalLogitSoftcapping]],
  ]);
  return { architecture, pairs: pairs.map(([key, value]) => [`${architecture}.${key}`, value]) };
}

/** The window, and which layers have it where that is not what llama.cpp takes for granted. */
function windowPairs(
  architecture: Architecture,
  layers: readonly LayerShape[],
  window: number | undefined,
): MetadataPair[] {
  if (window === undefined) return architecture === 'gemma3' ? [] : [['attention.sliding_window', ['u32', NO_WINDOW]]];
  const pattern = architecture === 'gemma2' ? 2 : 6;
  const isUsual = layers.every((layer, i) => layer.window > 0 === i % pattern < pattern - 1);
  const pairs: MetadataPair[] = [['attention.sliding_window', ['u32', window]]];
  if (!isUsual) {
    pairs.push(['attention.sliding_window_pattern', ['bools', layers.map((layer) => layer.window > 0)]]);
  }
  return pairs;
}
