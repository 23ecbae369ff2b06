/** @file Shows a run's events: lines and a bar on the terminal, TensorBoard, a profile. */
import type { MemoryPlan } from '@arena/decoder';
import type { Judge, ModelCard, RunEvent, TrainingSettings } from '@arena/judge';
import type { Base } from '@arena/judge/card';
import { type Profile, startProfile } from '@arena/runtime';
import type { EvaluationEntry, LogEntry, TrainResult } from '@arena/trainer';
import { type EventWriter, openEventWriter } from '@arena/trainer/tensorboard';
import { duration, type Progress, progress } from '../progress.js';
import { describeTimes } from './op-times.js';
import type { TrainingJob } from './training.js';

export interface RunView {
  tell(event: RunEvent): Promise<void>;
  /** Ends the bar's line and the event file, and prints the profile if there is one. */
  close(): Promise<void>;
}

/** Shows a run. Of several ranks only the first prints. */
export function showRun({ settings, out, resume, tensorboard, profile, ranks, say }: TrainingJob, base: Base): RunView {
  let bar: Progress | undefined;
  let events: EventWriter | undefined;
  let watched: Profile | undefined;
  let begin = 0;
  let smoothed = 0;
  let weight = 0;
  let measured = '';
  const endBar = () => {
    bar?.finish();
    bar = undefined;
  };

  async function showStep(entry: LogEntry, rate: number): Promise<void> {
    weight = 0.95 * weight + 0.05;
    smoothed = 0.95 * smoothed + 0.05 * entry.loss;
    const { step, loss, grad_norm, learning_rate, epoch } = entry;
    bar?.update(
      step,
      `loss ${(smoothed / weight).toFixed(3)}  lr ${learning_rate.toExponential(1)}  ${rate} tokens/s${measured}`,
    );
    const values = { 'train/loss': loss, 'train/grad_norm': grad_norm, 'train/learning_rate': learning_rate };
    await events?.scalars({ ...values, 'train/epoch': epoch }, step);
  }

  async function showMeasured({ step, eval_loss, eval_accuracy }: EvaluationEntry, worse: number): Promise<void> {
    measured = `  validation ${eval_loss.toFixed(3)} ${eval_accuracy.toFixed(3)}${worse ? ` (${worse} without a better)` : ''}`;
    await events?.scalars({ 'eval/loss': eval_loss, 'eval/accuracy': eval_accuracy }, step);
  }

  function sayResult({ steps, stoppedEarly, best }: TrainResult): void {
    const part = resume ? ' (this part)' : '';
    say(`trained ${steps} steps in ${duration((Date.now() - begin) / 1000)}${part}`);
    if (stoppedEarly) say(`stopped early: ${settings.patience} measurements without a better ${settings.metric}`);
    if (best) say(`weights of step ${best.step}, the best by validation ${settings.metric}: ${best.metric.toFixed(4)}`);
  }

  async function tell(event: RunEvent): Promise<void> {
    switch (event.kind) {
      case 'packed':
        say(describePacking(event));
        break;
      case 'loading':
        bar ??= progress({ label: 'opening the base', total: event.total, unit: 'matrices' });
        bar.update(event.done);
        break;
      case 'note':
        endBar();
        say(`note: ${event.note}`);
        break;
      case 'opened':
        endBar();
        say(describeModel(event.judge, settings));
        if (base.card) say('the base has a merged adapter: training continues from it, with its head');
        break;
      case 'begin': {
        const { memory, checkpoint, totalSteps } = event;
        say(describePlan(memory));
        if (checkpoint) say(`going on from step ${checkpoint.step} (${checkpoint.place})`);
        if (tensorboard && !ranks?.rank) {
          const purgeStep = resume ? (checkpoint?.step ?? 0) + 1 : undefined;
          events = await openEventWriter(`${out}/tensorboard`, { purgeStep });
        }
        if (profile) watched = startProfile();
        begin = Date.now();
        bar = progress({ label: 'training step', total: totalSteps, from: checkpoint?.step, unit: 'steps' });
        break;
      }
      case 'step': {
        const rate = Math.round(event.tokens / ((Date.now() - begin) / 1000));
        await showStep(event.entry, rate);
        break;
      }
      case 'measured':
        await showMeasured(event.entry, event.worse);
        break;
      case 'stopped': {
        endBar();
        const { step, folder } = event;
        if (folder === undefined) break;
        say(`stopped after step ${step}; saved ${out}/${folder}. The same command with --resume continues from there.`);
        break;
      }
      case 'trained':
        endBar();
        sayResult(event.result);
        break;
      case 'scoring':
        bar ??= progress({ label: 'scoring validation', total: event.total, unit: 'texts' });
        bar.update(event.done);
        break;
      case 'styled':
        endBar();
        say(`style: ${event.note}`);
    }
  }

  async function close(): Promise<void> {
    await events?.close();
    if (watched) say(await describeTimes(watched, (Date.now() - begin) / 1000));
  }
  return { tell, close };
}

function describePacking({ survival: kept }: Extract<RunEvent, { kind: 'packed' }>): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return (
    `packed: ${(kept.tokens.total / kept.battles).toFixed(0)} tokens a battle; kept ${percent(kept.prompt)} of the prompts, ` +
    `${percent(kept.responseA)} of A, ${percent(kept.responseB)} of B`
  );
}

/** How the base's linears are used. */
function describeLinears(quantization: ModelCard['quantization']): string {
  if (quantization === 'stored') return 'linears as the file stores them';
  return quantization ? `NF4${quantization.doubleQuant ? ' with double quantisation' : ''}` : 'float';
}

function describeModel({ model: { config, lora }, card }: Judge, settings: TrainingSettings): string {
  const { layers, hiddenSize } = config;
  const trained = lora!.targets.reduce(
    (sum, { r, inFeatures, outFeatures }) => sum + r * (inFeatures + outFeatures),
    0,
  );
  return (
    `base: ${layers.length} layers of width ${hiddenSize}, ${describeLinears(card.quantization)}; LoRA r ${settings.rank} on ${settings.targets.join(', ')} ` +
    `of layers ${settings.firstLayer}..${layers.length - 1}: ${trained.toLocaleString('en')} trained numbers`
  );
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
