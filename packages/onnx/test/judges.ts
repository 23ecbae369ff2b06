/** @file Tiny judges of random weights with an adapter that changes something, for both families. */
import { syntheticBattles } from '@arena/data';
import { linearModules } from '@arena/decoder/checkpoint';
import { bytesFolder } from '@arena/files';
import { GEMMA2_2B, GEMMA3_270M } from '@arena/gemma';
import { randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { completeSettings, tinyBaseFor } from '@arena/judge';
import { type Base, cardOf, objectiveOfCard, withLayers } from '@arena/judge/card';
import { type JudgeFiles, objectiveOf, openBase } from '@arena/judge/run';
import { initAdapter, loraConfig } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';

const SMALL = {
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 32,
  query_pre_attn_scalar: 32,
  vocab_size: 700,
  sliding_window: 8,
  dtype: 'float32',
  torch_dtype: 'float32',
};
const FAMILIES = {
  gemma2: { ...GEMMA2_2B, ...SMALL, attn_logit_softcapping: 2 },
  gemma3: { ...GEMMA3_270M, ...SMALL, layer_types: ['sliding_attention', 'full_attention', 'sliding_attention'] },
};

export interface TinyJudge {
  base: Base;
  files: JudgeFiles;
}

/** What a tiny judge is. */
export interface TinyJudgeOptions {
  family: keyof typeof FAMILIES;
  loss?: 'cross-entropy' | 'bradley-terry';
  classes?: 2 | 3;
  /** Width of the model. Default 64. */
  hidden?: number;
  /** First layers of the base's three, as many as this. Default all. */
  layers?: number;
  /** How the base is held: NF4 with double quantisation, or float. */
  quantize?: 'nf4' | 'none';
}

export async function tinyJudge({
  family,
  loss,
  classes,
  hidden = 64,
  layers,
  quantize = 'nf4',
}: TinyJudgeOptions): Promise<TinyJudge> {
  const votes = syntheticBattles({ count: 200, seed: 3 });
  const location = bytesFolder({
    ...randomCheckpointFiles({ ...FAMILIES[family], hidden_size: hidden }, { seed: 5 }),
    'tokenizer.json': tinyBaseFor(votes, { hiddenSize: 32, layers: 2, vocabSize: 700 })['tokenizer.json'],
  });
  return judgeOn(await openBase(location, `tiny-${family}`), { loss, classes, layers, quantize });
}

/** A base with an adapter that changes something in two of its layers. */
export function judgeOn(
  base: Base,
  { loss, classes, layers, quantize }: Pick<TinyJudgeOptions, 'loss' | 'classes' | 'layers' | 'quantize'>,
): TinyJudge {
  const settings = completeSettings({
    base: 'b',
    data: ['d'],
    loss,
    classes,
    quantize,
    layers,
    maxTokens: 128,
    frame: 'compact',
  });
  const card = cardOf(objectiveOf(settings), base, settings);
  const objective = objectiveOf(settings);
  const count = layers ?? base.config.layers.length;
  const upper = layers === undefined ? [count - 2, count - 1] : [count - 1];
  const config = loraConfig({
    r: 4,
    lora_alpha: 8,
    target_modules: ['q_proj', 'down_proj'],
    layers_to_transform: upper,
  });
  const targets = resolveTargets(config, linearModules(withLayers(base, layers).config));
  const weights = new Map(
    [...initAdapter(config, targets, 7)].map(([path, { A, B }]) => [
      path,
      { A, B: B.map((_, i) => 0.2 * Math.sin(i + path.length)), r: 4 },
    ]),
  );
  const shape: [number, number] = [objective.labels, base.config.hiddenSize];
  const score = { shape, values: Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => Math.cos(3 * i)) };
  const adapter = { config, weights, score };
  return { base, files: { adapter, card, objective: objectiveOfCard(card, objective.labels, 'tiny') } };
}
