/** @file A trained judge, opened to predict: an adapter with its base, or a checkpoint that an adapter was merged into. */
import type { Battle } from '@arena/data';
import { type Classifier, readAdapter } from '@arena/decoder';
import type { Location } from '@arena/files';
import { placeName } from '@arena/files/source';
import { loadGemma } from '@arena/gemma';
import { type AdapterFiles, loadAdapter } from '@arena/lora';
import { adapterFolder } from '@arena/lora/names';
import type { Tokenizer } from '@arena/tokenizer';
import type { Base } from './base.js';
import { formatCard, type ModelCard, quantizationOf, readCard } from './card.js';
import { objectiveOfCard } from './objectives/choose.js';
import type { Objective } from './objectives/objective.js';
import { type Scored, type ScoringOptions, scoreBattles } from './score.js';

/** Two answers that nobody has voted on, a text each or one a turn. */
export interface Pair {
  id?: string;
  prompt: string | string[];
  responseA: string | string[];
  responseB: string | string[];
}

/** A model that says which of two answers people prefer, on the engine that is open. */
export interface Judge {
  readonly model: Classifier;
  readonly tokenizer: Tokenizer;
  readonly objective: Objective;
  readonly card: ModelCard;
  /** P(A is preferred), and P(A) as seen with A and B exchanged. */
  predict(pair: Pair, options?: ScoringOptions): Promise<Scored>;
  /** The same for many, in their order, which share forward passes. */
  predictMany(battles: Battle[], options?: ScoringOptions): Promise<Scored[]>;
  /** The adapter folder, which PEFT loads, with arena.json in it. @throws Error for a merged checkpoint. */
  files(): Promise<Record<string, Uint8Array>>;
  /** Frees the model's memory. */
  dispose(): Promise<void>;
}

/** What a trained judge is loaded from, beside its base. */
export interface JudgeFiles {
  /** None where it was merged into the base. */
  adapter?: AdapterFiles;
  card: ModelCard;
  objective: Objective;
}

/**
 * Reads an adapter folder.
 * @param card What stands for an arena.json, where there is none: of an adapter that was not trained here.
 * @throws Error naming the file that is missing, or when the head is not what the card says.
 */
export async function readJudge(location: Location, card?: ModelCard): Promise<JudgeFiles> {
  const adapter = await loadAdapter(location);
  const own = await readCard(location, card);
  return { adapter, card: own, objective: objectiveOfCard(own, adapter.score?.shape[0] ?? 0, placeName(location)) };
}

/** How a judge is opened. */
export interface OpenJudgeOptions {
  /** Called after each linear module of the base. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Loads a model as training had it: packing and quantisation come from its card.
 * @throws Error naming the file or tensor that is missing, of another shape or of another model.
 */
export async function openJudge(base: Base, files: JudgeFiles, options: OpenJudgeOptions = {}): Promise<Judge> {
  const { adapter, card, objective } = files;
  const quantization = adapter && quantizationOf(card); // a merged checkpoint is used as it is stored
  const model = await loadGemma(base.location, { adapter, quantization, numLabels: objective.labels, ...options });
  return judgeOf({ model, tokenizer: base.tokenizer, objective, card });
}

/** A judge around a model that is loaded. */
export function judgeOf(parts: Pick<Judge, 'model' | 'tokenizer' | 'objective' | 'card'>): Judge {
  const { model, card } = parts;
  return {
    ...parts,
    predict: async (pair, options) => (await scoreBattles(parts, [battleOf(pair)], options))[0],
    predictMany: (battles, options) => scoreBattles(parts, battles, options),
    files: async () => judgeFiles(await readAdapter(model), card),
    dispose: () => model.dispose(),
  };
}

/** A judge's folder. */
export function judgeFiles(adapter: AdapterFiles, card: ModelCard): Record<string, Uint8Array> {
  return { ...adapterFolder(adapter), 'arena.json': new TextEncoder().encode(formatCard(card)) };
}

/** A pair as a battle without a vote. */
export function battleOf({ id = '0', prompt, responseA, responseB }: Pair): Battle {
  const turns = (text: string | string[]) => (typeof text === 'string' ? [text] : text);
  const texts = { prompt: turns(prompt), responseA: turns(responseA), responseB: turns(responseB) };
  return { id, row: 0, ...texts, winner: null, flags: [] };
}
