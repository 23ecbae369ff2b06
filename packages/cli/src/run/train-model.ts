/** @file The training of a run: memory plan, loop, checkpoints, and everything that lets people watch it. */
import { appendFile, writeFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import { batches, type Packed } from '@arena/data';
import { type Classifier, type DecoderConfig, type MemoryPlan, planMemory, trainable } from '@arena/decoder';
import type { LoraTarget } from '@arena/lora';
import { startProfile } from '@arena/runtime';
import {
  type Checkpoint,
  type EvaluationEntry,
  type LogEntry,
  loraPlus,
  type MicroBatch,
  openEventWriter,
  restoreProgress,
  saveCheckpoint,
  type TrainProgress,
  train,
} from '@arena/trainer';
import { duration, progress } from '../progress.js';
import { lossOf, measure, targetsOf } from './head.js';
import { describeTimes } from './op-times.js';
import type { TrainingJob } from './training.js';

/** The batches of each epoch, and how a step of the largest fits into memory. */
export interface TrainingPlan {
  batches: (epoch: number) => MicroBatch[];
  memory: MemoryPlan;
}

/**
 * Plans the training of a model that need not be loaded yet.
 * @throws RangeError when a step does not fit, with what to lower.
 */
export function planTraining(
  { settings, memoryBytes, halves }: TrainingJob,
  config: DecoderConfig,
  targets: LoraTarget[],
  packed: Packed[],
): TrainingPlan {
  const { batchSize, tokensPerBatch, seed, quantize } = settings;
  const order = tokensPerBatch ? 'bucketed' : 'hf';
  const epochBatches = (epoch: number) =>
    Array.from(batches(packed, { batchSize, tokensPerBatch, order, seed, epoch }), (batch) => ({
      ...batch,
      labels: targetsOf(batch, settings),
    }));
  const memory = planMemory({
    config,
    targets,
    tokens: Math.max(...epochBatches(0).map(({ ids }) => ids.length)),
    quantized: quantize,
    momentBytes: settings.optimizer === 'adamw-8bit' ? 2 : 8,
    halves,
    budgetBytes: memoryBytes ?? 0.8 * freemem(),
  });
  return { batches: epochBatches, memory };
}

/** Trains the model in place, leaving checkpoints and logs in the job's folder. */
export async function trainModel(
  { settings, out, resume, saveEvery, keep, tensorboard = false, profile = false, ranks, say, signal }: TrainingJob,
  model: Classifier,
  { batches: epochBatches, memory }: TrainingPlan,
  validation: Packed[],
  resumed: Checkpoint | undefined,
): Promise<void> {
  const { batchSize, seed, epochs } = settings;
  say(describePlan(memory));
  if (resumed) say(`going on from step ${resumed.step} (${resumed.place})`);
  const watch = ranks?.rank ? undefined : await openWatch(out, resumed, tensorboard);
  const trained = trainable(model, { loss: lossOf(settings), activations: memory.activations });
  let total = 0;
  const save = (state: TrainProgress) =>
    saveCheckpoint(out, trained, state, { totalSteps: total, epochs, batchSize, settings }, keep);
  const watched = profile ? startProfile() : undefined;
  const begin = Date.now();
  try {
    const result = await train({
      model: trained,
      batches: epochBatches,
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
      resume: resumed && restoreProgress(resumed, trained),
      ...(validation.length
        ? {
            evaluate: () => measure(model, validation, signal),
            evaluateEvery: settings.evalEvery,
            metric: settings.metric,
            patience: settings.patience,
            restoreBest: true,
          }
        : {}),
      saveEvery,
      communicator: ranks,
      signal,
      onStep: async (entry, { totalSteps, tokens }) => {
        total = totalSteps;
        await watch?.step(entry, totalSteps, Math.round(tokens / ((Date.now() - begin) / 1000)));
      },
      onEvaluate: async (entry, { counter }) => watch?.evaluation(entry, counter),
      onSave: async (state) => void (await save(state)),
      onInterrupt: async (state) => {
        watch?.pause();
        if (!state.step || saveEvery === undefined) return;
        const folder = await save(state);
        say(`stopped after step ${state.step}; saved ${folder}. The same command with --resume goes on from there.`);
      },
    });
    watch?.pause();
    const part = resume ? ' (this part)' : '';
    say(`trained ${result.steps} steps in ${duration((Date.now() - begin) / 1000)}${part}`);
    if (result.stoppedEarly)
      say(`stopped early: ${settings.patience} measurements without a better ${settings.metric}`);
    const { best } = result;
    if (best) say(`weights of step ${best.step}, the best by validation ${settings.metric}: ${best.metric.toFixed(4)}`);
  } finally {
    await watch?.close();
    if (watched) say(await describeTimes(watched, (Date.now() - begin) / 1000));
  }
}

/** Where the run is shown: a line on the terminal, log.jsonl, TensorBoard. */
interface Watch {
  step(entry: LogEntry, totalSteps: number, rate: number): Promise<void>;
  evaluation(entry: EvaluationEntry, counter: number): Promise<void>;
  /** Takes the progress line away until the next step. */
  pause(): void;
  close(): Promise<void>;
}

async function openWatch(out: string, resumed: Checkpoint | undefined, tensorboard: boolean): Promise<Watch> {
  const log = `${out}/log.jsonl`;
  const line = (entry: object) => `${JSON.stringify(entry)}\n`;
  const before = [...(resumed?.log ?? []), ...(resumed?.evaluations ?? [])].sort((a, b) => a.step - b.step);
  await writeFile(log, before.map(line).join(''));
  const events = tensorboard ? await openEventWriter(`${out}/tensorboard`) : undefined;
  let bar: ReturnType<typeof progress> | undefined;
  let smoothed = 0;
  let weight = 0;
  let measured = '';
  return {
    async step(entry, totalSteps, rate) {
      bar ??= progress({ label: 'training step', total: totalSteps, unit: 'steps' });
      weight = 0.95 * weight + 0.05;
      smoothed = 0.95 * smoothed + 0.05 * entry.loss;
      const { step, loss, grad_norm, learning_rate, epoch } = entry;
      bar.update(
        step,
        `loss ${(smoothed / weight).toFixed(3)}  lr ${learning_rate.toExponential(1)}  ${rate} tokens/s${measured}`,
      );
      await appendFile(log, line(entry));
      const values = { 'train/loss': loss, 'train/grad_norm': grad_norm, 'train/learning_rate': learning_rate };
      await events?.scalars({ ...values, 'train/epoch': epoch }, step);
    },
    async evaluation(entry, counter) {
      measured = `  validation ${entry.eval_loss.toFixed(3)} ${entry.eval_accuracy.toFixed(3)}${counter ? ` (${counter} without a better)` : ''}`;
      await appendFile(log, line(entry));
      await events?.scalars({ 'eval/loss': entry.eval_loss, 'eval/accuracy': entry.eval_accuracy }, entry.step);
    },
    pause: () => bar?.finish(),
    close: async () => events?.close(),
  };
}

function describePlan({ weights, adapters, saved, working, total, activations }: MemoryPlan): string {
  const mb = (bytes: number) => `${Math.round(bytes / 1e6).toLocaleString('en')} MB`;
  const { recompute, half } = activations;
  const saving = `${half ? ', most of them in bfloat16' : ''}${recompute ? `, ${recompute} layers recomputed` : ''}`;
  return (
    `memory of a step: ${mb(total)} (weights ${mb(weights)}, adapters and optimizer ${mb(adapters)}, kept activations ` +
    `${mb(saved)}${saving}, one layer at work ${mb(working)})`
  );
}
