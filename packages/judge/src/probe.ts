/** @file How long a training takes on the engine that is open, before its base is there: measured on one layer of the base's shape. */
import type { Packed } from '@arena/data';
import type { PackTokenizer } from '@arena/data/pack';
import { type DecoderConfig, forward, trainable } from '@arena/decoder';
import { bytesFolder } from '@arena/files';
import { loadGemma, parseGemmaConfig } from '@arena/gemma';
import { randomCheckpointFiles } from '@arena/gemma/checkpoint';
import { train } from '@arena/trainer';
import type { Base } from './base.js';
import { cardOf, quantizationOf } from './card.js';
import { objectiveOf } from './objectives/choose.js';
import { newAdapter, planTraining } from './plan.js';
import { completeSettings, type GivenSettings, type TrainingSettings } from './settings.js';
import type { VoteParts } from './votes.js';

/** What a training takes. */
export interface TrainingEstimate {
  /** From the first step to the last, with what is measured meanwhile. */
  seconds: number;
  /** Bytes of a step: `MemoryPlan.total`. */
  memory: number;
}

/** Options of the estimate. */
export interface EstimateOptions {
  /** Battles that are measured at each `evalEvery` (default: the whole validation part). */
  measured?: number;
  signal?: AbortSignal;
}

/** Rows of the layer's embedding: its ids are any. */
const VOCABULARY = 512;
/** Steps that are timed, after one that is not. */
const TIMED = 2;
/** Characters of a token, on average, in the texts of chatbots. */
const CHARACTERS = 4;

/**
 * Trains one layer of random weights for three steps, and scales what they took to the base's layers and the votes' tokens,
 * which are counted in characters. No file of the base is read.
 * @param config The base's config.json.
 * @example
 * const { seconds } = await estimateTraining(GEMMA3_270M, parts, { base: 'google/gemma-3-270m', data: ['votes'], recipe: 'small-base' });
 */
export async function estimateTraining(
  config: Readonly<Record<string, unknown>>,
  parts: Pick<VoteParts, 'train' | 'validation'>,
  given: GivenSettings,
  { measured, signal }: EstimateOptions = {},
): Promise<TrainingEstimate> {
  const settings = completeSettings(given);
  const objective = objectiveOf(settings);
  const pack = objective.packer(countingTokenizer());
  const packed = parts.train.map(pack);
  const whole = baseOf(config);
  const card = cardOf(objective, whole, settings);
  const plan = planTraining(packed, settings, whole, card, newAdapter(whole, settings), objective);
  const all = whole.config.layers.length;
  const trained = all - settings.firstLayer;

  const layer = { ...config, num_hidden_layers: 1, vocab_size: VOCABULARY, layer_types: undefined };
  const batch = typical(packed, settings);
  const { tokens, stepSeconds, forwardSeconds } = await timeLayer(layer, batch, settings, signal);

  const tokensOf = (some: Packed[]) => some.reduce((sum, { ids }) => sum + ids.length, 0);
  const read = (settings.epochs * tokensOf(packed)) / tokens;
  const steps = trained * stepSeconds + settings.firstLayer * forwardSeconds;
  const { evalEvery = 0 } = settings;
  const checks = evalEvery ? Math.floor(evalEvery < 1 ? 1 / evalEvery : plan.totalSteps / evalEvery) : 0;
  const watched = tokensOf(parts.validation.slice(0, checks ? measured : 0).map(pack)) / tokens;
  return { seconds: read * steps + checks * watched * all * forwardSeconds, memory: plan.memory.total };
}

/** A base without files. */
function baseOf(config: Readonly<Record<string, unknown>>): Base {
  const parsed: DecoderConfig = parseGemmaConfig(JSON.stringify(config));
  // nothing here asks for the tokenizer
  return { name: 'base', location: bytesFolder({}), config: parsed, tokenizer: undefined as never, stored: 'float' };
}

/** Copies of the battle of median length, as many as a micro-batch holds. */
function typical(packed: Packed[], { batchSize }: TrainingSettings): Packed[] {
  const sorted = packed.toSorted((a, b) => a.ids.length - b.ids.length);
  const median = sorted[Math.floor(sorted.length / 2)];
  return Array.from({ length: Math.min(batchSize, packed.length) }, (_, row) => ({ ...median, row }));
}

async function timeLayer(
  config: Record<string, unknown>,
  batch: Packed[],
  whole: TrainingSettings,
  signal: AbortSignal | undefined,
) {
  const settings = {
    ...whole,
    firstLayer: 0,
    layers: undefined,
    accumulation: 1,
    epochs: 1,
    tokensPerBatch: undefined,
  };
  const objective = objectiveOf(settings);
  const base = baseOf(config);
  const adapter = newAdapter(base, settings);
  const card = cardOf(objective, base, settings);
  const { batches, memory } = planTraining(batch, settings, base, card, adapter, objective);
  const [micro] = batches(0);
  const model = await loadGemma(bytesFolder(randomCheckpointFiles(config)), {
    quantization: quantizationOf(card, base),
    lora: { config: adapter.config, seed: settings.seed },
    numLabels: objective.labels,
    scoreSeed: settings.seed,
    scoreStd: settings.headStd,
    signal,
  });
  try {
    const times: number[] = [];
    let begin = performance.now();
    await train({
      model: trainable(model, { loss: objective.loss, activations: memory.activations }),
      batches: () => Array.from({ length: TIMED + 1 }, () => micro),
      learningRate: settings.learningRate,
      seed: settings.seed,
      signal,
      onStep() {
        times.push(performance.now() - begin);
        begin = performance.now();
      },
    });
    const forwards: number[] = [];
    for (let i = 0; i <= TIMED; i++) {
      begin = performance.now();
      const logits = await forward(model, micro, signal);
      await logits.data();
      logits.dispose();
      forwards.push(performance.now() - begin);
    }
    const least = ([, ...timed]: number[]) => Math.min(...timed) / 1000;
    return { tokens: micro.ids.length, stepSeconds: least(times), forwardSeconds: least(forwards) };
  } finally {
    await model.dispose();
  }
}

/** Stands in for the tokenizer of a base that is not there: it counts. */
function countingTokenizer(): PackTokenizer {
  return {
    encode: (text) => new Int32Array(Math.ceil(text.length / CHARACTERS)).fill(7),
    tokenToId: () => 1,
  };
}
