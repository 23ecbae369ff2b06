/**
 * @file The training loop, numerically that of the Hugging Face Trainer: order, accumulation, clipping, schedule, log.
 */

import { clearGradient, type Parameter } from '@arena/runtime';
import type { Scalar } from '@tensorflow/tfjs-core';
import { type BestWeights, keepWeights, restoreWeights } from './best-weights.js';
import type { Communicator } from './communicator.js';
import { type DataParallel, dataParallel, RankFailure } from './data-parallel.js';
import { EARLY_STOPPING_START, type EarlyStoppingState, earlyStopping } from './early-stopping.js';
import { TrainerError } from './error.js';
import { type AdamW, type AdamWOptions, type AdamWState, adamW } from './optimizer.js';
import { type ScheduleKind, scheduleFactor, totalSteps, warmupSteps } from './schedule.js';
import type { MicroBatch, Trainable } from './trainable.js';

/** One line of the log, in the fields of trainer_state.json's log_history. */
export interface LogEntry {
  step: number;
  epoch: number;
  /** Mean over the steps since the last entry of the loss as it was back-propagated. */
  loss: number;
  /** Before clipping. */
  grad_norm: number;
  /** The rate of this step. */
  learning_rate: number;
}

/** Result of an evaluation, in the form of log_history: `eval_loss`, `eval_accuracy` and other measures. */
export interface EvaluationEntry {
  step: number;
  epoch: number;
  [metric: `eval_${string}`]: number;
}

/** Progress of a run: with the weights, enough to resume. */
export interface TrainProgress {
  step: number;
  optimizer: AdamWState;
  log: LogEntry[];
  evaluations: EvaluationEntry[];
  /** The best weights so far by the metric, if the run ends with them. */
  best?: BestWeights;
}

/**
 * A training run. Default: 1 epoch, 1 micro-batch a step, schedule `linear` without warm-up, seed 42, metric `loss`,
 * and `onSave` is never called.
 */
export interface TrainOptions extends AdamWOptions {
  model: Trainable;
  /** Micro-batches of an epoch (from 0), in order. Every epoch has the same number. */
  batches: (epoch: number) => MicroBatch[];
  learningRate: number;
  epochs?: number;
  /** Stop after this many optimizer steps. The schedule covers only these steps. */
  maxSteps?: number;
  /** Micro-batches per optimizer step. */
  accumulation?: number;
  schedule?: ScheduleKind;
  /** Steps of warm-up, or a share of all steps when below 1. */
  warmup?: number;
  /**
   * Sum the micro-batch means instead of averaging them, like HF's Trainer does for this model (it skips the division).
   */
  hfLossScaling?: boolean;
  /** Seeds the dropout masks. */
  seed?: number;
  /** Resumes from here. The model must hold the weights of that step. */
  resume?: TrainProgress;
  /**
   * The processes of a data-parallel run, all with the same options. Each takes every `size`-th micro-batch. Weights
   * and `resume` come from rank 0; only rank 0 calls the callbacks and `evaluate`. The result has the same bits as one
   * process with the same batches and accumulation.
   */
  communicator?: Communicator;
  /** Measures the current model, such as `{ loss, accuracy }` over the validation part. */
  evaluate?: (step: number) => Promise<{ [metric: string]: number }>;
  /** Optimizer steps between two evaluations (default: one at the end of each epoch). */
  evaluateEvery?: number;
  /**
   * Metric that decides which weights are best: a name that `evaluate` returns. For names that end in `loss`, less is
   * better.
   */
  metric?: string;
  /** Stop after this many evaluations without an improvement (default: never). */
  patience?: number;
  /** Least improvement of the metric that counts (default 0). */
  threshold?: number;
  /** End with the weights of the best evaluation instead of the last (default false). */
  restoreBest?: boolean;
  /** Optimizer steps between two calls of `onSave`. */
  saveEvery?: number;
  /** Seconds after which `onSave` is called at the end of a step, too: of long steps, few are lost. */
  saveSeconds?: number;
  onStep?: (entry: LogEntry, progress: TrainProgress & { totalSteps: number; tokens: number }) => void | Promise<void>;
  onEvaluate?: (entry: EvaluationEntry, outcome: EarlyStoppingState) => void | Promise<void>;
  /** The place to save a checkpoint. */
  onSave?: (progress: TrainProgress) => void | Promise<void>;
  onEpochEnd?: (epoch: number, progress: TrainProgress) => void | Promise<void>;
  /** Ends the run between two micro-batches: train() then rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Called before an aborted run rejects, or a run with a failed rank, with the state after the last whole step: the
   * place to save a checkpoint.
   */
  onInterrupt?: (progress: TrainProgress) => void | Promise<void>;
}

/**
 * How a run ended: `steps` of the `totalSteps` planned. After a resume, these, `log`, `evaluations` and `best` cover
 * the whole run, `tokens` only the resumed part.
 */
export interface TrainResult {
  steps: number;
  totalSteps: number;
  log: LogEntry[];
  evaluations: EvaluationEntry[];
  /** Step and metric of the best evaluation. */
  best?: { step: number; metric: number };
  /** Whether it stopped early. */
  stoppedEarly: boolean;
  /** Tokens that the model processed. */
  tokens: number;
}

/**
 * Trains the model's parameters. Gradients of a step are averaged over the actual number of micro-batches.
 * @throws TrainerError naming the step, micro-batch and rows when a loss or gradient is NaN or infinite; when
 * `evaluate` does not return the metric; the signal's reason when aborted; {@link RankFailure} on every rank when one
 * has failed.
 * @example
 * const { log } = await train({ model: trainable(model), batches: (epoch) => batchesOf(epoch), learningRate: 2e-4 });
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const run = await openRun(options);
  const { parameters, optimizer, ranks, now } = run;
  try {
    for (const step of stepsOf(run)) {
      const { losses } = await passes(run, step); // forward and backward of each micro-batch
      const norm = await optimizer.step(step.learningRate, losses); // clipping and AdamW
      await record(run, step, await losses, norm);
      await evaluateWhenDue(run, step);
      await saveWhenDue(run, step);
    }
    await ranks?.agree();
    if (options.restoreBest && now.best) restoreWeights(parameters, now.best);
  } catch (error) {
    const stopped = options.signal?.aborted || error instanceof RankFailure;
    if (stopped && !ranks?.rank) await options.onInterrupt?.(now);
    throw ranks && options.signal?.aborted ? options.signal.reason : error;
  } finally {
    for (const parameter of parameters) clearGradient(parameter);
    optimizer.dispose();
  }
  const { best, bestIndex, stop } = run.outcome;
  return {
    steps: now.step,
    totalSteps: run.total,
    log: now.log,
    evaluations: now.evaluations,
    ...(best === null ? {} : { best: { step: now.evaluations[bestIndex].step, metric: best } }),
    stoppedEarly: stop,
    tokens: run.tokens,
  };
}

/** A run in progress: its plan and state. */
interface Run {
  options: TrainOptions;
  parameters: Parameter[];
  optimizer: AdamW;
  ranks: DataParallel | undefined;
  /** Micro-batches per epoch, and per step. */
  perEpoch: number;
  accumulation: number;
  stepsPerEpoch: number;
  total: number;
  now: TrainProgress;
  outcome: Outcome;
  tokens: number;
  /** When `onSave` was called last, or the run began; `performance.now()`. */
  savedAt: number;
  /** Runs a callback: only the first rank has callbacks. The others see its failure at the next exchange. */
  tell(callback: () => void | Promise<void>): Promise<void>;
}

async function openRun(options: TrainOptions): Promise<Run> {
  const { model, epochs = 1, accumulation = 1, communicator, signal } = options;
  const perEpoch = options.batches(0).length;
  if (!perEpoch) throw new TrainerError('argument', 'train: there is not one batch to train on');
  const total = options.maxSteps ?? totalSteps(perEpoch, accumulation, epochs);
  const parameters = model.parameters();
  const ranks = communicator && dataParallel(communicator, parameters, signal);
  const facts = { 'batches an epoch': perEpoch, 'batches a step': accumulation, 'steps in all': total };
  const resume = ranks ? await ranks.share(options.resume, facts) : options.resume;
  if (resume && resume.step > total)
    throw new TrainerError('argument', `train: the checkpoint is of step ${resume.step}, the run has ${total} steps`);
  const optimizer = adamW(parameters, options, resume?.optimizer);
  const now: TrainProgress = {
    step: resume?.step ?? 0,
    optimizer: optimizer.state,
    log: [...(resume?.log ?? [])],
    evaluations: [...(resume?.evaluations ?? [])],
    best: resume?.best,
  };
  return {
    options,
    parameters,
    optimizer,
    ranks,
    perEpoch,
    accumulation,
    stepsPerEpoch: Math.ceil(perEpoch / accumulation),
    total,
    now,
    outcome: outcomeOf(options, now.evaluations),
    tokens: 0,
    savedAt: performance.now(),
    async tell(callback) {
      if (!ranks) return callback();
      if (ranks.rank === 0) await Promise.resolve().then(callback).catch(ranks.fail);
    },
  };
}

/** One optimizer step to take. */
interface Step {
  epoch: number;
  /** Its micro-batches, and the number of the first among those of the whole run. */
  group: MicroBatch[];
  firstMicro: number;
  /** Share of the epoch that is done after it, in epochs. */
  epochAfter: number;
  learningRate: number;
}

/** The remaining steps, until the last or until early stopping. An epoch's batches are made at its start. */
function* stepsOf(run: Run): Generator<Step> {
  const { options, now, accumulation, perEpoch, stepsPerEpoch, total } = run;
  const { schedule = 'linear', warmup = 0 } = options;
  const warm = warmupSteps(warmup, total);
  const goesOn = () => now.step < total && !run.outcome.stop;
  for (let epoch = Math.floor(now.step / stepsPerEpoch); goesOn(); epoch++) {
    const batches = options.batches(epoch);
    let begin = (now.step % stepsPerEpoch) * accumulation;
    for (; begin < batches.length && goesOn(); begin += accumulation) {
      yield {
        epoch,
        group: batches.slice(begin, begin + accumulation),
        firstMicro: epoch * perEpoch + begin,
        epochAfter: epoch + Math.min(begin + accumulation, batches.length) / batches.length,
        learningRate: options.learningRate * scheduleFactor(schedule, now.step, warm, total),
      };
    }
  }
}

/**
 * Forward and backward over the micro-batches of a step. Leaves the gradients on the parameters. The losses resolve
 * later: on a GPU the gradients' norm is queued after them, and one read gets all.
 */
async function passes(run: Run, { group, firstMicro }: Step): Promise<{ losses: Promise<number[]> }> {
  const { model, seed = 42, signal } = run.options;
  const { ranks, now } = run;
  const pass = async (i: number) => {
    signal?.throwIfAborted();
    const dropout = { seed, step: firstMicro + i };
    const { loss } = await model.pass(group[i], { lossScale: lossScale(run, group), dropout, signal });
    const value = readLoss(loss, () => `step ${now.step + 1}, micro-batch ${i + 1} of ${group.length}`, group[i]);
    value.catch(() => {}); // awaited before the optimizer's step
    return { value };
  };
  const { rank, size } = ranks ?? { rank: 0, size: 1 };
  const losses: (number | Promise<number>)[] = [];
  for (let first = 0; first < group.length; first += size) {
    const own = first + rank;
    if (!ranks) losses.push((await pass(own)).value);
    else losses.push(...(await ranks.exchange(own < group.length ? async () => (await pass(own)).value : undefined)));
  }
  await ranks?.takeTotals();
  return { losses: Promise.all(losses) };
}

function lossScale({ options }: Run, group: MicroBatch[]): number {
  return options.hfLossScaling ? 1 : 1 / group.length;
}

async function readLoss(loss: Scalar, where: () => string, { rows }: MicroBatch): Promise<number> {
  const [value] = await loss.data();
  loss.dispose();
  if (Number.isFinite(value)) return value;
  const of = rows ? ` (rows ${Array.from(rows).join(', ')})` : '';
  throw new TrainerError(
    'diverged',
    `${where()}${of}: the loss is ${value}; lower the learning rate, or look at this batch`,
  );
}

/** Logs the last step. */
async function record(run: Run, step: Step, losses: number[], norm: number): Promise<void> {
  const { now, options, total } = run;
  if (!Number.isFinite(norm)) {
    throw new TrainerError(
      'diverged',
      `step ${now.step + 1}: the norm of the gradients is ${norm}; lower the learning rate, or look at its rows`,
    );
  }
  const scale = lossScale(run, step.group);
  const loss = losses.reduce((sum, value) => sum + value * scale, 0);
  now.step++;
  run.tokens += step.group.reduce((sum, { ids }) => sum + ids.length, 0);
  const { epochAfter: epoch, learningRate } = step;
  const entry: LogEntry = { step: now.step, epoch, loss, grad_norm: norm, learning_rate: learningRate };
  now.log.push(entry);
  await run.tell(() => options.onStep?.(entry, { ...now, totalSteps: total, tokens: run.tokens }));
}

async function evaluateWhenDue(run: Run, { epochAfter: epoch }: Step): Promise<void> {
  const { options, now, ranks, parameters } = run;
  const { evaluateEvery = run.stepsPerEpoch, metric = 'loss', restoreBest } = options;
  if (!options.evaluate || (now.step % evaluateEvery && now.step !== run.total)) return;
  const evaluate = () => options.evaluate!(now.step);
  const measured = Object.entries(await (ranks ? ranks.fromFirst(evaluate) : evaluate()));
  const entry: EvaluationEntry = {
    ...Object.fromEntries(measured.map(([name, value]) => [`eval_${name}`, value])),
    step: now.step,
    epoch,
  };
  const value = entry[`eval_${metric}`];
  if (typeof value !== 'number' || Number.isNaN(value)) {
    throw new TrainerError(
      'argument',
      `step ${now.step}: the evaluation gave ${measured.map(([name]) => name)}; '${metric}' is ${value}`,
    );
  }
  now.evaluations.push(entry);
  run.outcome = outcomeOf(options, now.evaluations);
  if (restoreBest && run.outcome.bestIndex === now.evaluations.length - 1) {
    now.best = await keepWeights(parameters, now.step, value);
  }
  await run.tell(() => options.onEvaluate?.(entry, run.outcome));
}

async function saveWhenDue(run: Run, { epoch }: Step): Promise<void> {
  const { options, now, stepsPerEpoch, tell } = run;
  const { saveEvery, saveSeconds = Number.POSITIVE_INFINITY } = options;
  if ((saveEvery && now.step % saveEvery === 0) || performance.now() - run.savedAt >= 1000 * saveSeconds) {
    await tell(() => options.onSave?.(now));
    run.savedAt = performance.now();
  }
  if (now.step % stepsPerEpoch === 0) await tell(() => options.onEpochEnd?.(epoch, now));
}

type Outcome = EarlyStoppingState & { stop: boolean };

/** Judges all evaluations from the first, so that a resumed run decides like an uninterrupted one. */
function outcomeOf(
  { metric = 'loss', patience = Number.POSITIVE_INFINITY, threshold }: TrainOptions,
  evaluations: EvaluationEntry[],
): Outcome {
  const rule = { patience, threshold, greaterIsBetter: !metric.endsWith('loss') };
  const start = { ...EARLY_STOPPING_START, stop: false };
  return evaluations.reduce((state, entry) => earlyStopping(state, entry[`eval_${metric}`], rule), start);
}
