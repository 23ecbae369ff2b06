/** @file The training loop, numerically that of the Hugging Face Trainer: order, accumulation, clipping, schedule, log. */

import {
  clearGradient,
  type FlatBatch,
  type GemmaClassifier,
  type Loss,
  trainableParameters,
  trainingPass,
} from '@arena/gemma';
import { dispose } from '@tensorflow/tfjs-core';
import { type AdamW, type AdamWOptions, type AdamWState, adamW } from './optimizer.js';
import { type ScheduleKind, scheduleFactor, totalSteps, warmupSteps } from './schedule.js';

/** A flat batch with its labels. */
export interface MicroBatch extends FlatBatch {
  labels: ArrayLike<number>;
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

/** Where a run stands: enough, with the weights, to go on. */
export interface TrainProgress {
  step: number;
  optimizer: AdamWState;
  log: LogEntry[];
}

export interface TrainOptions extends AdamWOptions {
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
  /** Layers that are recomputed in the backward pass, from the lowest trained one up. */
  recomputeLayers?: number;
  /** Keep saved activations outside the engine's memory. */
  offload?: boolean;
  /** Goes on from here. The model must hold the weights of that step. */
  resume?: TrainProgress;
  onStep?: (entry: LogEntry, progress: TrainProgress & { totalSteps: number; tokens: number }) => void | Promise<void>;
  onEpochEnd?: (epoch: number, progress: TrainProgress) => void | Promise<void>;
  /** Ends the run between two micro-batches: train() then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called before an aborted run rejects, with the state after the last whole step: the place to save a checkpoint. */
  onInterrupt?: (progress: TrainProgress) => void | Promise<void>;
}

export interface TrainResult {
  steps: number;
  totalSteps: number;
  log: LogEntry[];
  /** Tokens that went through the model. */
  tokens: number;
}

/**
 * Trains what the model has to train. Gradients of the micro-batches of a step are averaged over the group's real size.
 * @throws Error naming the step and micro-batch when a loss is NaN or infinite; the signal's reason when aborted.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { model, epochs = 1, accumulation = 1, schedule = 'linear', warmup = 0, resume, signal } = options;
  const perEpoch = options.batches(0).length;
  if (!perEpoch) throw new Error('train: there is not one batch to train on');
  const total = options.maxSteps ?? totalSteps(perEpoch, accumulation, epochs);
  const warm = warmupSteps(warmup, total);
  const stepsPerEpoch = Math.ceil(perEpoch / accumulation);
  const optimizer = adamW(trainableParameters(model), options, resume?.optimizer);
  const log: LogEntry[] = [...(resume?.log ?? [])];
  let step = resume?.step ?? 0;
  let tokens = 0;
  try {
    for (let epoch = Math.floor(step / stepsPerEpoch); step < total; epoch++) {
      const batches = options.batches(epoch);
      for (
        let begin = (step % stepsPerEpoch) * accumulation;
        begin < batches.length && step < total;
        begin += accumulation
      ) {
        const group = batches.slice(begin, begin + accumulation);
        const learningRate = options.learningRate * scheduleFactor(schedule, step, warm, total);
        const firstMicro = epoch * perEpoch + begin;
        const { loss, norm } = await trainStep(options, optimizer, group, learningRate, firstMicro, step, signal);
        step++;
        tokens += group.reduce((sum, { ids }) => sum + ids.length, 0);
        const entry: LogEntry = {
          step,
          epoch: epoch + Math.min(begin + accumulation, batches.length) / batches.length,
          loss,
          grad_norm: norm,
          learning_rate: learningRate,
        };
        log.push(entry);
        await options.onStep?.(entry, { step, optimizer: optimizer.state, log, totalSteps: total, tokens });
      }
      if (step % stepsPerEpoch === 0) await options.onEpochEnd?.(epoch, { step, optimizer: optimizer.state, log });
    }
  } catch (error) {
    if (signal?.aborted) await options.onInterrupt?.({ step, optimizer: optimizer.state, log });
    throw error;
  } finally {
    for (const parameter of trainableParameters(model)) clearGradient(parameter);
    optimizer.dispose();
  }
  return { steps: step, totalSteps: total, log, tokens };
}

async function trainStep(
  { model, loss: lossOf, hfLossScaling = false, seed = 42, recomputeLayers, offload }: TrainOptions,
  optimizer: AdamW,
  group: MicroBatch[],
  learningRate: number,
  firstMicro: number,
  step: number,
  signal?: AbortSignal,
): Promise<{ loss: number; norm: number }> {
  const lossScale = hfLossScaling ? 1 : 1 / group.length;
  let total = 0;
  for (const [i, batch] of group.entries()) {
    signal?.throwIfAborted();
    const dropout = { seed, step: firstMicro + i };
    const options = { loss: lossOf, lossScale, dropout, recomputeLayers, offload, signal };
    const { loss, logits } = await trainingPass(model, batch, batch.labels, options);
    const value = (await loss.data())[0];
    dispose([loss, logits]);
    if (!Number.isFinite(value)) {
      throw new Error(
        `step ${step + 1}, micro-batch ${i + 1} of ${group.length}: the loss is ${value}; ` +
          'lower the learning rate, or look at this batch',
      );
    }
    total += value * lossScale;
  }
  return { loss: total, norm: await optimizer.step(learningRate) };
}
