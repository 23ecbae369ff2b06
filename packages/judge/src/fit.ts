/** @file Trains a judge from votes and a base: the run, from packing to the adapter, with its files and events. */
import { type Battle, type Packed, swapBattle } from '@arena/data';
import { type Survival, survival } from '@arena/data/pack';
import type { SplitsFile } from '@arena/data/split';
import { type MemoryPlan, readAdapter, trainable } from '@arena/decoder';
import { styleLogOdds } from '@arena/eval/style';
import { loadGemma } from '@arena/gemma';
import { type AdapterFiles, loadAdapter } from '@arena/lora';
import {
  type Checkpoint,
  type Communicator,
  type EvaluationEntry,
  type LogEntry,
  loadCheckpoint,
  loraPlus,
  type TrainProgress,
  type TrainResult,
  train,
} from '@arena/trainer';
import { checkpointFiles, restoreProgress } from '@arena/trainer/checkpoint';
import { type Base, withLayers } from './base.js';
import { cardOf, type ModelCard, quantizationOf } from './card.js';
import { keepCheckpoint, withoutCheckpoint } from './checkpoints.js';
import { JudgeError } from './error.js';
import { fitJudgeStyle } from './fit-style.js';
import { measure } from './measure.js';
import { objectiveOf } from './objectives/choose.js';
import { type Judge, judgeFiles, judgeOf } from './open.js';
import { type MemoryLimits, newAdapter, planTraining, type TrainingPlan } from './plan.js';
import { recipeAdvice } from './recipes/advice.js';
import type { Verdicts } from './score.js';
import { checkSettings, completeSettings, type GivenSettings, type TrainingSettings } from './settings.js';
import type { Store } from './store.js';
import { type FittedTerms, fitTerms, type JudgeStyle, offsetStyle } from './style.js';
import type { VoteParts } from './votes.js';

/** Votes for training and validation. */
export interface TrainingVotes {
  parts: VoteParts;
  /** Stored as splits.json, unless it is stored already. */
  splits?: SplitsFile;
  /** The training part, packed according to the settings. */
  packed?: Packed[];
}

/** Events of a run, in this order. */
export type RunEvent =
  | { kind: 'packed'; survival: Survival }
  /** Loaded linear modules of the base. */
  | { kind: 'loading'; done: number; total: number }
  /** What a person may want to know of base, settings and engine together, in a sentence. */
  | { kind: 'note'; note: string }
  /** The model is loaded and nothing is stored yet: splits.json and run.json come next. */
  | { kind: 'opened'; judge: Judge }
  | {
      kind: 'begin';
      memory: MemoryPlan;
      totalSteps: number;
      /** Number of trained values, including the head's. */
      trained: number;
      /** Step that the run resumes from. */
      checkpoint?: { step: number; place: string };
    }
  /** `tokens`: processed since the run started or resumed. */
  | { kind: 'step'; entry: LogEntry; totalSteps: number; tokens: number }
  /** `worse`: consecutive measurements without an improvement. */
  | { kind: 'measured'; entry: EvaluationEntry; worse: number }
  /** Stopped by its signal after a whole step. `folder`: its checkpoint, if there is one. */
  | { kind: 'stopped'; step: number; folder?: string }
  | { kind: 'trained'; result: TrainResult }
  /** Scored texts of the validation part, before the style is fitted on it. */
  | { kind: 'scoring'; done: number; total: number }
  /** What became of the style, in a sentence. `style`: that of the judge's card, if it has one. */
  | { kind: 'styled'; style?: JudgeStyle; note: string };

/** How to carry out a run. None of these options changes the result. */
export interface TrainJudgeOptions extends MemoryLimits {
  base: Base;
  /**
   * Resumes the run of the store, which must have the same votes and settings: from the checkpoint in this folder of
   * the store, or from the start.
   */
  resume?: { checkpoint?: string };
  /** Steps between two checkpoints. A stopped run saves one more. Default: none. */
  saveEvery?: number;
  /** Seconds after which a checkpoint is stored at the end of a step, too. */
  saveSeconds?: number;
  /** Number of newest checkpoints to keep (default: all). */
  keep?: number;
  /** Number of validation battles to measure during training, from the first (default: all). */
  measured?: number;
  /** The processes of a data-parallel run. The first one stores everything; the others only train. */
  ranks?: Communicator;
  /** Called with each event. The run awaits a promise. */
  onEvent?: (event: RunEvent) => void | Promise<void>;
  signal?: AbortSignal;
}

/** A trained judge. The caller disposes of it. */
export interface JudgeRun {
  judge: Judge;
  /** Result of a finished run. A stopped run has the weights so far. */
  result?: TrainResult;
  /** Verdicts on the validation part, in order, where the style was fitted on it. */
  validation?: Verdicts[];
}

/**
 * Trains a judge on the engine that is open. It writes run.json, splits.json, log.jsonl, checkpoints and, at the end,
 * `adapter/` to the store. A signal ends the run after a whole step, without an error.
 * @throws JudgeError for wrong settings; DecoderError when a step does not fit into memory, with what to lower;
 * TrainerError when a loss is not finite; and as {@link openBase} and `train` of @arena/trainer.
 * @example
 * const base = await openBase('gemma-2-2b');
 * const parts = splitVotes(battles, { seed: 42 });
 * const settings = { base: base.name, data: ['votes.parquet'] };
 * const { judge } = await trainJudge({ parts }, settings, memoryStore(), { base });
 */
export async function trainJudge(
  votes: TrainingVotes,
  given: GivenSettings,
  store: Store,
  options: TrainJudgeOptions,
): Promise<JudgeRun> {
  const settings = completeSettings(given);
  checkSettings(settings);
  const { resume, ranks, signal, onEvent: tell } = options;
  const base = withLayers(options.base, settings.layers);
  const objective = objectiveOf(settings);
  const adapter = newAdapter(base, settings);
  const pack = objective.packer(base.tokenizer);
  const packed =
    votes.packed ??
    votes.parts.train.flatMap((battle) => (settings.swapAugment ? [battle, swapBattle(battle)] : [battle]).map(pack));
  await tell?.({ kind: 'packed', survival: survival(packed) });
  const terms =
    settings.style === 'offset' ? fitTerms(votes.parts.train, objective.knowsTies, settings.seed) : undefined;
  const logOdds = terms && styleLogOdds(terms.terms, votes.parts.train);
  const offsets = settings.swapAugment ? logOdds && Array.from(logOdds).flatMap((s) => [s, -s]) : logOdds;
  const isFirst = !ranks?.rank;
  // the others receive it from the first
  const place = resume?.checkpoint !== undefined && isFirst ? store.location(resume.checkpoint) : undefined;
  const checkpoint =
    place === undefined
      ? undefined
      : await loadCheckpoint(place).catch(async (error: Error) => {
          error.message += `; ${await withoutCheckpoint(store, resume!.checkpoint!)}`;
          throw error;
        });
  const unsigned = cardOf(objective, base, settings);
  const plan = planTraining(packed, settings, base, unsigned, adapter, objective, options, offsets);
  const card = { ...unsigned, ...(await baseFile(base)), ...(terms ? { style: offsetStyle(terms) } : {}) };
  if (base.file?.hasChatTemplate && settings.frame === 'compact') await tell?.({ kind: 'note', note: TUNED_ON_CHATS });
  const advice = recipeAdvice(base.config, settings);
  if (advice) await tell?.({ kind: 'note', note: advice });
  const model = await loadGemma(base.location, {
    layers: settings.layers,
    quantization: quantizationOf(card, base),
    ...(checkpoint
      ? { adapter: await loadAdapter(place!) }
      : { lora: { config: adapter.config, seed: settings.seed } }),
    numLabels: objective.labels,
    scoreSeed: settings.seed,
    scoreStd: settings.headStd,
    onProgress: (done, total) => void tell?.({ kind: 'loading', done, total }),
    onNote: (note) => void tell?.({ kind: 'note', note }),
    signal,
  });
  let judge = judgeOf({ model, tokenizer: base.tokenizer, objective, card });
  try {
    await tell?.({ kind: 'opened', judge });
    // From here on the run can be resumed; a failure above leaves nothing behind.
    if (isFirst) {
      if (votes.splits) await store.write('splits.json', `${JSON.stringify(votes.splits, null, 1)}\n`);
      await store.write('run.json', `${JSON.stringify(settings, null, 2)}\n`); // last: it says that the run has begun
    }
    const result = await fit(
      judge,
      plan,
      measuredVotes(votes.parts, terms, pack, settings.evalEvery ? options.measured : 0),
      checkpoint,
      settings,
      store,
      options,
    );
    if (!result) return { judge };
    await tell?.({ kind: 'trained', result });
    if (!isFirst) return { judge, result };
    const trained = await readAdapter(model);
    checkFinite(trained, settings);
    await store.writeFolder('adapter', judgeFiles(trained, card));
    const outcome = await fitJudgeStyle(judge, votes.parts, settings, terms, {
      onProgress: (done, total) => void tell?.({ kind: 'scoring', done, total }),
      signal,
    }).catch((error) => {
      if (signal?.aborted) return undefined; // the adapter is stored, without what validation would add
      throw error;
    });
    if (!outcome) return { judge, result };
    const { style, note, validation } = outcome;
    if (validation) {
      judge = judgeOf({ model, tokenizer: base.tokenizer, objective, card: { ...card, style } });
      await store.writeFolder('adapter', judgeFiles(trained, judge.card));
    }
    await tell?.({ kind: 'styled', style, note });
    return { judge, result, validation };
  } catch (error) {
    await judge.dispose().catch(() => {}); // a lost GPU has nothing left to free
    throw error;
  }
}

/** Validation votes to measure during training, packed, with the style's log odds where the loss has them. */
interface MeasuredVotes {
  packed: Packed[];
  style?: ArrayLike<number>;
}

function measuredVotes(
  { validation }: VoteParts,
  terms: FittedTerms | undefined,
  pack: (battle: Battle) => Packed,
  measured: number | undefined,
): MeasuredVotes {
  const battles = validation.slice(0, measured);
  return { packed: battles.map(pack), style: terms && styleLogOdds(terms.terms, battles) };
}

const TUNED_ON_CHATS =
  "the base was tuned on chats (its file has a chat template), and the frame is compact: with `frame` 'chat' it sees what it knows";

/** What a card says of a base that is one file. */
async function baseFile({ file, sha256 }: Base): Promise<Pick<ModelCard, 'baseFile' | 'baseSha256'>> {
  if (file) return { baseFile: { bytes: file.bytes, sha256: await file.sha256() } };
  return sha256 ? { baseSha256: sha256 } : {};
}

/** Trains the model in place, and keeps log and checkpoints. Undefined when the signal ended it. */
async function fit(
  { model, objective }: Judge,
  { batches, memory, totalSteps }: TrainingPlan,
  { packed: validation, style }: MeasuredVotes,
  checkpoint: Checkpoint | undefined,
  settings: TrainingSettings,
  store: Store,
  { saveEvery, saveSeconds, keep, ranks, signal, onEvent: tell }: TrainJudgeOptions,
): Promise<TrainResult | undefined> {
  const { batchSize, epochs, seed, metric } = settings;
  const learner = trainable(model, { loss: objective.loss, activations: memory.activations });
  const trained = learner.parameters().reduce((sum, { value }) => sum + value.size, 0);
  await tell?.({ kind: 'begin', memory, totalSteps, trained, checkpoint });
  const log = (entry: object) => store.append('log.jsonl', line(entry));
  if (!ranks?.rank) {
    const before = [...(checkpoint?.log ?? []), ...(checkpoint?.evaluations ?? [])].sort((a, b) => a.step - b.step);
    await store.write('log.jsonl', before.map(line).join(''));
  }
  const save = async (state: TrainProgress) =>
    keepCheckpoint(
      store,
      state.step,
      await checkpointFiles(learner, state, { totalSteps, epochs, batchSize, settings }),
      keep,
    );
  try {
    return await train({
      model: learner,
      batches,
      epochs,
      maxSteps: settings.maxSteps,
      accumulation: settings.accumulation,
      learningRate: settings.learningRate,
      schedule: settings.schedule,
      warmup: settings.warmup,
      eightBit: settings.optimizer === 'adamw-8bit',
      weightDecay: settings.weightDecay,
      maxGradNorm: settings.maxGradNorm,
      rateFactor: loraPlus(settings.loraPlus, settings.headRate),
      seed,
      resume: checkpoint && restoreProgress(checkpoint, learner),
      ...(validation.length
        ? {
            evaluate: () => measure(model, objective, validation, { signal, style }),
            evaluateEvery: stepsBetween(settings.evalEvery!, totalSteps),
            metric,
            patience: settings.patience,
            restoreBest: true,
          }
        : {}),
      saveEvery,
      saveSeconds,
      communicator: ranks,
      signal,
      onStep: async (entry, { tokens }) => {
        await tell?.({ kind: 'step', entry, totalSteps, tokens });
        await log(entry);
      },
      onEvaluate: async (entry, { counter }) => {
        await tell?.({ kind: 'measured', entry, worse: counter });
        await log(entry);
      },
      onSave: async (state) => void (await save(state)),
      onInterrupt: async (state) => {
        const folder = state.step && saveEvery !== undefined ? await save(state) : undefined;
        await tell?.({ kind: 'stopped', step: state.step, folder });
      },
    });
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw error;
  }
}

/** A share of all steps is rounded up, as transformers does it. */
function stepsBetween(evalEvery: number, totalSteps: number): number {
  return evalEvery < 1 ? Math.ceil(evalEvery * totalSteps) : evalEvery;
}

function line(entry: object): string {
  return `${JSON.stringify(entry)}\n`;
}

/** @throws JudgeError when training has diverged: the adapter is worthless. */
function checkFinite({ weights, score }: AdapterFiles, { learningRate }: TrainingSettings): void {
  const values = [...weights.values()].flatMap(({ A, B }) => [A, B]);
  if (score) values.push(score.values);
  if (values.every((one) => one.every(Number.isFinite))) return;
  throw new JudgeError(
    'diverged',
    `training diverged: the adapter holds numbers that are not finite. Lower \`learningRate\` (${learningRate})`,
  );
}
