/** @file The training loop, numerically that of the Hugging Face Trainer: order, accumulation, clipping, schedule, log. */

import {
  clearGradient,
  type FlatBatch,
  type GemmaClassifier,
  type Loss,
  type SavedActivations,
  trainableParameters,
  trainingPass,
} from '@arena/gemma';
import type { Scalar } from '@tensorflow/tfjs-core';
import { type BestWeights, keepWeights, restoreWeights } from './best-weights.js';
import type { Communicator } from './communicator.js';
import { type DataParallel, dataParallel, RankFailure } from './data-parallel.js';
import { EARLY_STOPPING_START, type EarlyStoppingState, earlyStopping } from './early-stopping.js';
import { type AdamW, type AdamWOptions, type AdamWState, adamW } from './optimizer.js';
import { type ScheduleKind, scheduleFactor, totalSteps, warmupSteps } from './schedule.js';

/** A flat batch with its labels. */
export interface MicroBatch extends FlatBatch {
  labels: ArrayLike<number>;
  /** Factors of the sequences' terms in the loss (default: 1 each). */
  weights?: ArrayLike<number>;
  /** What the sequences are called in messages, such as their row numbers. */
  rows?: ArrayLike<number>;
}

/** One line of the log, in the fields of trainer_state.json's log_history. */
export interface LogEntry {
  step: number;
  epoch: number;
  /** Mean over the steps since the last entry of the loss as it was back-propagated. */
  loss: number;
  /** Before clipping. */
  grad_norm: number;
  /** The rate that this step used. */
  learning_rate: number;
}

/** What an evaluation gave, as log_history has it: `eval_loss`, `eval_accuracy` and whatever else was measured. */
export interface EvaluationEntry {
  step: number;
  epoch: number;
  [metric: `eval_${string}`]: number;
}

/** Where a run stands: enough, with the weights, to go on. */
export interface TrainProgress {
  step: number;
  optimizer: AdamWState;
  log: LogEntry[];
  evaluations: EvaluationEntry[];
  /** The best weights so far by the metric, when the run is to end with them. */
  best?: BestWeights;
}

/**
 * A training run. Default: 1 epoch, 1 micro-batch a step, schedule `linear` without warm-up, the loss that fits the
 * head, seed 42, metric `loss`, and `onSave` is never called.
 */
export interface TrainOptions extends AdamWOptions, SavedActivations {
  model: GemmaClassifier;
  /** Micro-batches of an epoch (from 0), in order. Every epoch has as many. */
  batches: (epoch: number) => MicroBatch[];
  learningRate: number;
  epochs?: number;
  /** Stop after this many optimizer steps; the schedule is that of the shorter run. */
  maxSteps?: number;
  /** Micro-batches an optimizer step. */
  accumulation?: number;
  schedule?: ScheduleKind;
  /** Steps of warm-up, or a share of all steps when below 1. */
  warmup?: number;
  loss?: Loss;
  /** Sum the micro-batch means instead of averaging them, as HF's Trainer does for this model (it skips the division). */
  hfLossScaling?: boolean;
  /** Seeds the dropout masks. */
  seed?: number;
  /** Goes on from here. The model must hold the weights of that step. */
  resume?: TrainProgress;
  /**
   * The other processes of a data-parallel run, all with the same options: each takes every `size`-th micro-batch. Weights and
   * `resume` are those of rank 0, on which alone the callbacks and `evaluate` are called. The result is that of one process,
   * bit for bit, with the same batches and accumulation.
   */
  communicator?: Communicator;
  /** Measures the model as it is, such as `{ loss, accuracy }` over the validation part. */
  evaluate?: (step: number) => Promise<{ [metric: string]: number }>;
  /** Optimizer steps between two evaluations (default: one at the end of each epoch). */
  evaluateEvery?: number;
  /** What decides which weights are best: a name that `evaluate` gives. Names that end in `loss` are better when less. */
  metric?: string;
  /** Stop after this many evaluations without an improvement (default: never). */
  patience?: number;
  /** How much better the metric has to be to count as improved (default 0). */
  threshold?: number;
  /** End with the weights of the best evaluation in place of the last (default false). */
  restoreBest?: boolean;
  /** Optimizer steps between two calls of `onSave`. */
  saveEvery?: number;
  onStep?: (entry: LogEntry, progress: TrainProgress & { totalSteps: number; tokens: number }) => void | Promise<void>;
  onEvaluate?: (entry: EvaluationEntry, outcome: EarlyStoppingState) => void | Promise<void>;
  /** The place to save a checkpoint. */
  onSave?: (progress: TrainProgress) => void | Promise<void>;
  onEpochEnd?: (epoch: number, progress: TrainProgress) => void | Promise<void>;
  /** Ends the run between two micro-batches: train() then rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Called before an aborted run rejects, or one in which another rank failed, with the state after the last whole step: the
   * place to save a checkpoint.
   */
  onInterrupt?: (progress: TrainProgress) => void | Promise<void>;
}

/**
 * How a run ended: `steps` of the `totalSteps` planned. After a resume, these, `log`, `evaluations` and `best` are of
 * the whole run, `tokens` only of what came since.
 */
export interface TrainResult {
  steps: number;
  totalSteps: number;
  log: LogEntry[];
  evaluations: EvaluationEntry[];
  /** Step and metric of the best evaluation. */
  best?: { step: number; metric: number };
  /** Whether it ended for want of improvement. */
  stoppedEarly: boolean;
  /** Tokens that went through the model. */
  tokens: number;
}

/**
 * Trains what the model has to train. Gradients of the micro-batches of a step are averaged over the group's real size.
 * @throws Error naming the step, micro-batch and rows when a loss or gradient is NaN or infinite; Error when `evaluate`
 * does not give the metric; the signal's reason when aborted; {@link RankFailure} on every rank when one has failed.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { model, epochs = 1, accumulation = 1, schedule = 'linear', warmup = 0, communicator, signal } = options;
  const perEpoch = options.batches(0).length;
  if (!perEpoch) throw new Error('train: there is not one batch to train on');
  const total = options.maxSteps ?? totalSteps(perEpoch, accumulation, epochs);
  const warm = warmupSteps(warmup, total);
  const stepsPerEpoch = Math.ceil(perEpoch / accumulation);
  const parameters = trainableParameters(model);
  const ranks = communicator && dataParallel(communicator, parameters, signal);
  const facts = { 'batches an epoch': perEpoch, 'batches a step': accumulation, 'steps in all': total };
  const resume = ranks ? await ranks.share(options.resume, facts) : options.resume;
  const optimizer = adamW(parameters, options, resume?.optimizer);
  const now: TrainProgress = {
    step: resume?.step ?? 0,
    optimizer: optimizer.state,
    log: [...(resume?.log ?? [])],
    evaluations: [...(resume?.evaluations ?? [])],
    best: resume?.best,
  };
  /** Runs a callback: of several ranks the first has them, and the others hear of its failure at the next exchange. */
  const tell = async (callback: () => void | Promise<void>) => {
    if (!ranks) return callback();
    if (ranks.rank === 0) await Promise.resolve().then(callback).catch(ranks.fail);
  };
  const judge = judgeOf(options);
  let outcome = judge(now.evaluations);
  let tokens = 0;
  try {
    for (let epoch = Math.floor(now.step / stepsPerEpoch); now.step < total && !outcome.stop; epoch++) {
      const batches = options.batches(epoch);
      for (
        let begin = (now.step % stepsPerEpoch) * accumulation;
        begin < batches.length && now.step < total && !outcome.stop;
        begin += accumulation
      ) {
        const group = batches.slice(begin, begin + accumulation);
        const learningRate = options.learningRate * scheduleFactor(schedule, now.step, warm, total);
        const firstMicro = epoch * perEpoch + begin;
        const { loss, norm } = await trainStep(options, optimizer, group, learningRate, firstMicro, now.step, ranks);
        now.step++;
        tokens += group.reduce((sum, { ids }) => sum + ids.length, 0);
        const end = Math.min(begin + accumulation, batches.length);
        const at = { step: now.step, epoch: epoch + end / batches.length };
        const entry: LogEntry = { ...at, loss, grad_norm: norm, learning_rate: learningRate };
        now.log.push(entry);
        await tell(() => options.onStep?.(entry, { ...now, totalSteps: total, tokens }));
        const { evaluateEvery = stepsPerEpoch, saveEvery } = options;
        if (options.evaluate && (now.step % evaluateEvery === 0 || now.step === total)) {
          outcome = await evaluateNow(options, now, at, judge, ranks);
          const measured = now.evaluations[now.evaluations.length - 1];
          await tell(() => options.onEvaluate?.(measured, outcome));
        }
        if (saveEvery && now.step % saveEvery === 0) await tell(() => options.onSave?.(now));
      }
      if (now.step % stepsPerEpoch === 0) await tell(() => options.onEpochEnd?.(epoch, now));
    }
    await ranks?.agree();
    if (options.restoreBest && now.best) restoreWeights(parameters, now.best);
  } catch (error) {
    const stopped = signal?.aborted || error instanceof RankFailure;
    if (stopped && !ranks?.rank) await options.onInterrupt?.(now);
    throw ranks && signal?.aborted ? signal.reason : error;
  } finally {
    for (const parameter of parameters) clearGradient(parameter);
    optimizer.dispose();
  }
  const { best, bestIndex, stop } = outcome;
  return {
    steps: now.step,
    totalSteps: total,
    log: now.log,
    evaluations: now.evaluations,
    ...(best === null ? {} : { best: { step: now.evaluations[bestIndex].step, metric: best } }),
    stoppedEarly: stop,
    tokens,
  };
}

type Judge = (evaluations: EvaluationEntry[]) => EarlyStoppingState & { stop: boolean };

/** Judges all evaluations from the first, so that a resumed run decides as the whole run would have. */
function judgeOf({ metric = 'loss', patience = Number.POSITIVE_INFINITY, threshold }: TrainOptions): Judge {
  const rule = { patience, threshold, greaterIsBetter: !metric.endsWith('loss') };
  const start = { ...EARLY_STOPPING_START, stop: false };
  return (evaluations) =>
    evaluations.reduce((state, entry) => earlyStopping(state, entry[`eval_${metric}`], rule), start);
}

async function evaluateNow(
  options: TrainOptions,
  now: TrainProgress,
  at: { step: number; epoch: number },
  judge: Judge,
  ranks: DataParallel | undefined,
): Promise<ReturnType<Judge>> {
  const { metric = 'loss', restoreBest, model } = options;
  const evaluate = () => options.evaluate!(now.step);
  const measured = Object.entries(await (ranks ? ranks.fromFirst(evaluate) : evaluate()));
  const entry: EvaluationEntry = {
    ...Object.fromEntries(measured.map(([name, value]) => [`eval_${name}`, value])),
    ...at,
  };
  const value = entry[`eval_${metric}`];
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new Error(`step ${now.step}: the evaluation gave ${measured.map(([name]) => name)}; '${metric}' is ${value}`);
  }
  now.evaluations.push(entry);
  const outcome = judge(now.evaluations);
  if (restoreBest && outcome.bestIndex === now.evaluations.length - 1) {
    now.best = await keepWeights(trainableParameters(model), now.step, value);
  }
  return outcome;
}

async function trainStep(
  { model, loss: lossOf, hfLossScaling = false, seed = 42, recomputeLayers, offload, halve, signal }: TrainOptions,
  optimizer: AdamW,
  group: MicroBatch[],
  learningRate: number,
  firstMicro: number,
  step: number,
  ranks: DataParallel | undefined,
): Promise<{ loss: number; norm: number }> {
  const lossScale = hfLossScaling ? 1 : 1 / group.length;
  /** Queues a micro-batch; its loss is there when the engine has come so far. */
  const pass = async (i: number) => {
    signal?.throwIfAborted();
    const batch = group[i];
    const dropout = { seed, step: firstMicro + i };
    const options = {
      loss: lossOf,
      sampleWeights: batch.weights,
      lossScale,
      dropout,
      recomputeLayers,
      offload,
      halve,
      signal,
    };
    const { loss, logits } = await trainingPass(model, batch, batch.labels, options);
    logits.dispose();
    const value = readLoss(loss, i);
    value.catch(() => {}); // it is awaited before the optimizer's step
    return { value };
  };
  const readLoss = async (loss: Scalar, i: number) => {
    const [value] = await loss.data();
    loss.dispose();
    if (!Number.isFinite(value)) {
      const { rows: of } = group[i];
      const rows = of ? ` (rows ${Array.from(of).join(', ')})` : '';
      throw new Error(
        `step ${step + 1}, micro-batch ${i + 1} of ${group.length}${rows}: the loss is ${value}; ` +
          'lower the learning rate, or look at this batch',
      );
    }
    return value;
  };
  const { rank, size } = ranks ?? { rank: 0, size: 1 };
  const losses: (number | Promise<number>)[] = [];
  for (let first = 0; first < group.length; first += size) {
    const own = first + rank;
    if (!ranks) losses.push((await pass(own)).value);
    else losses.push(...(await ranks.exchange(own < group.length ? async () => (await pass(own)).value : undefined)));
  }
  await ranks?.takeTotals();
  // on a GPU the norm is queued behind the losses, and both are read at once
  const values = Promise.all(losses);
  const norm = await optimizer.step(learningRate, values);
  let total = 0;
  for (const value of await values) total += value * lossScale;
  if (!Number.isFinite(norm)) {
    throw new Error(
      `step ${step + 1}: the norm of the gradients is ${norm}; lower the learning rate, or look at its rows`,
    );
  }
  return { loss: total, norm };
}
