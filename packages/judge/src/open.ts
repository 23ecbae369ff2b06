/** @file A trained judge, opened to predict: an adapter with its base, or a merged checkpoint. */
import type { Battle } from '@arena/data';
import { type Classifier, readAdapter, type ScoreOptions } from '@arena/decoder';
import { logitsOfSequences } from '@arena/decoder/model';
import type { Location } from '@arena/files';
import { placeName } from '@arena/files/source';
import { loadGemma } from '@arena/gemma';
import { type AdapterFiles, loadAdapter } from '@arena/lora';
import { adapterFolder } from '@arena/lora/names';
import type { Tokenizer } from '@arena/tokenizer';
import { type Base, checkSameBase } from './base.js';
import { judgeReadme } from './card/readme.js';
import { formatCard, type ModelCard, quantizationOf, readCard } from './card.js';
import { objectiveOfCard } from './objectives/choose.js';
import { labelNames, type Objective } from './objectives/objective.js';
import { type Scored, type ScoringOptions, scoreBattles } from './score.js';

/** Two answers without a vote: a text each, or a text a turn. */
export interface Pair {
  id?: string;
  prompt: string | string[];
  responseA: string | string[];
  responseB: string | string[];
}

/** A model that predicts which of two answers people prefer, on the open engine. */
export interface Judge {
  readonly model: Classifier;
  readonly tokenizer: Tokenizer;
  readonly objective: Objective;
  readonly card: ModelCard;
  /** P(A is preferred), and P(A) with A and B exchanged. */
  predict(pair: Pair, options?: ScoringOptions): Promise<Scored>;
  /** The same for many battles, in order. They share forward passes. */
  predictMany(battles: Battle[], options?: ScoringOptions): Promise<Scored[]>;
  /**
   * Logits of sequences of token ids, packed by other means, in order [sequences][labels]. They are of the margin alone.
   * @example
   * const [logits] = await judge.logits([judge.tokenizer.encode(text)]);
   */
  logits(sequences: readonly Int32Array[], options?: ScoreOptions): Promise<Float32Array[]>;
  /** The adapter folder for PEFT, with arena.json. @throws Error for a merged checkpoint. */
  files(): Promise<Record<string, Uint8Array>>;
  /** Frees the model's memory. */
  dispose(): Promise<void>;
}

/** The files of a trained judge, besides its base. */
export interface JudgeFiles {
  /** Undefined for a merged checkpoint. */
  adapter?: AdapterFiles;
  card: ModelCard;
  objective: Objective;
}

/**
 * Reads an adapter folder.
 * @param card Replaces a missing arena.json, for an adapter of another tool.
 * @throws Error naming a missing file, or when the head does not match the card.
 */
export async function readJudge(location: Location, card?: ModelCard): Promise<JudgeFiles> {
  const adapter = await loadAdapter(location);
  const own = await readCard(location, card);
  return { adapter, card: own, objective: objectiveOfCard(own, adapter.score?.shape[0] ?? 0, placeName(location)) };
}

/** Options for opening a judge. */
export interface OpenJudgeOptions {
  /** Called after each linear module of the base. */
  onProgress?: (done: number, total: number) => void;
  /** Told what the engine cannot do as the base's file has it, in a sentence. */
  onNote?: (note: string) => void;
  signal?: AbortSignal;
}

/**
 * Loads a model the way training did: packing and quantisation come from its card.
 * @throws Error naming the file or tensor that is missing or does not fit.
 * @example
 * const judge = await openJudge(await openBase('gemma-2-2b'), await readJudge('run/adapter'));
 * const { probabilityA } = await judge.predict({ prompt: 'Why?', responseA: 'Because.', responseB: 'No idea.' });
 */
export async function openJudge(base: Base, files: JudgeFiles, options: OpenJudgeOptions = {}): Promise<Judge> {
  const { adapter, card, objective } = files;
  checkSameBase(base, card);
  const quantization = adapter && quantizationOf(card, base); // a merged checkpoint is used as it is stored
  const { layers } = card;
  const model = await loadGemma(base.location, {
    adapter,
    layers,
    quantization,
    numLabels: objective.labels,
    ...options,
  });
  return judgeOf({ model, tokenizer: base.tokenizer, objective, card });
}

/** A judge around a model that is loaded. */
export function judgeOf(parts: Pick<Judge, 'model' | 'tokenizer' | 'objective' | 'card'>): Judge {
  const { model, card } = parts;
  return {
    ...parts,
    predict: async (pair, options) => (await scoreBattles(parts, [battleOf(pair)], options))[0],
    predictMany: (battles, options) => scoreBattles(parts, battles, options),
    logits: (sequences, options) => logitsOfSequences(model, sequences, options),
    files: async () => judgeFiles(await readAdapter(model), card),
    dispose: () => model.dispose(),
  };
}

/** A judge's folder. */
export function judgeFiles(adapter: AdapterFiles, card: ModelCard): Record<string, Uint8Array> {
  const labels = labelNames(objectiveOfCard(card, adapter.score?.shape[0] ?? 0, 'adapter'));
  const { r: rank, lora_alpha: alpha, lora_dropout: dropout, target_modules: targets } = adapter.config;
  const settings = { rank, alpha, dropout, ...(Array.isArray(targets) ? { targets } : {}), seed: card.seed };
  const texts = {
    'README.md': judgeReadme({ form: 'adapter', card, labels, settings }),
    'arena.json': formatCard(card),
  };
  const encoded = Object.entries(texts).map(([name, text]) => [name, new TextEncoder().encode(text)]);
  return { ...adapterFolder(adapter), ...Object.fromEntries(encoded) };
}

/** A pair as a battle without a vote. */
export function battleOf({ id = '0', prompt, responseA, responseB }: Pair): Battle {
  const turns = (text: string | string[]) => (typeof text === 'string' ? [text] : text);
  const texts = { prompt: turns(prompt), responseA: turns(responseA), responseB: turns(responseB) };
  return { id, row: 0, ...texts, winner: null, flags: [] };
}
