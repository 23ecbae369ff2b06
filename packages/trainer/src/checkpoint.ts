/**
 * @file A checkpoint folder, `checkpoint-<step>`: the PEFT adapter, optimizer.safetensors and trainer_state.json in the
 * Hugging Face Trainer's form. It appears whole or not at all.
 */

import { type GemmaClassifier, readAdapter, trainableParameters } from '@arena/gemma';
import { type AdapterFiles, loadAdapter, saveAdapter } from '@arena/lora';
import { openFile, openSafetensors, type SafeTensor, serialize, toFloat32 } from '@arena/safetensors';
import { keep, tensor } from '@tensorflow/tfjs-core';
import type { LogEntry, TrainProgress } from './train.js';

export interface CheckpointInfo {
  totalSteps: number;
  epochs: number;
  /** Sequences a micro-batch. */
  batchSize: number;
}

/** A checkpoint read back; the optimizer's moments go to the engine with {@link restoreProgress}. */
export interface Checkpoint {
  directory: string;
  adapter: AdapterFiles;
  step: number;
  log: LogEntry[];
  moments: Map<string, SafeTensor>;
}

const FOLDER = /^checkpoint-(\d+)$/;

/**
 * Writes `<directory>/checkpoint-<step>`.
 * @returns the folder's path.
 */
export async function saveCheckpoint(
  directory: string,
  model: GemmaClassifier,
  progress: TrainProgress,
  info: CheckpointInfo,
): Promise<string> {
  const folder = `${directory}/checkpoint-${progress.step}`;
  const moments: SafeTensor[] = [];
  for (const [i, { name }] of trainableParameters(model).entries()) {
    for (const [key, value] of Object.entries(progress.optimizer.moments[i])) {
      const values = Float32Array.from(await value.data());
      const data = new Uint8Array(values.buffer);
      moments.push({ name: momentKey(name, key as Moment), dtype: 'F32', shape: value.shape, data });
    }
  }
  await saveAdapter(folder, await readAdapter(model), {
    'optimizer.safetensors': serialize(moments, { format: 'pt', step: String(progress.optimizer.step) }),
    'trainer_state.json': formatTrainerState(progress, info),
  });
  return folder;
}

type Moment = 'expAvg' | 'expAvgSq';

function momentKey(name: string, moment: Moment): string {
  return `${name}.${moment === 'expAvg' ? 'exp_avg' : 'exp_avg_sq'}`;
}

/** trainer_state.json as transformers writes it. */
export function formatTrainerState({ step, log }: Pick<TrainProgress, 'step' | 'log'>, info: CheckpointInfo): string {
  const fields = {
    best_global_step: null,
    best_metric: null,
    best_model_checkpoint: null,
    epoch: log.at(-1)?.epoch ?? 0,
    eval_steps: info.totalSteps,
    global_step: step,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: log,
    logging_steps: 1,
    max_steps: info.totalSteps,
    num_input_tokens_seen: 0,
    num_train_epochs: info.epochs,
    save_steps: info.totalSteps,
    stateful_callbacks: {},
    total_flos: 0,
    train_batch_size: info.batchSize,
    trial_name: null,
    trial_params: null,
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

/** The newest checkpoint in a folder, or undefined. Only whole ones have the name: they are renamed into place. */
export async function latestCheckpoint(directory: string): Promise<string | undefined> {
  const { readdir } = await import('node:fs/promises');
  const names = await readdir(directory).catch(() => [] as string[]);
  const steps = names.flatMap((name) => FOLDER.exec(name)?.[1] ?? []).map(Number);
  return steps.length ? `${directory}/checkpoint-${Math.max(...steps)}` : undefined;
}

/**
 * Reads a checkpoint folder.
 * @throws Error naming the file that is missing or does not fit.
 */
export async function loadCheckpoint(directory: string): Promise<Checkpoint> {
  const { readFile } = await import('node:fs/promises');
  const adapter = await loadAdapter(directory);
  const path = `${directory}/trainer_state.json`;
  const state = JSON.parse(await readFile(path, 'utf8')) as { global_step?: number; log_history?: LogEntry[] };
  if (!Number.isInteger(state.global_step)) throw new Error(`${path}: global_step is ${state.global_step}`);
  const source = await openFile(`${directory}/optimizer.safetensors`);
  try {
    const file = await openSafetensors(source);
    const moments = new Map<string, SafeTensor>();
    for (const name of file.names()) moments.set(name, await file.read(name));
    return { directory, adapter, step: state.global_step!, log: state.log_history ?? [], moments };
  } finally {
    await source.close?.();
  }
}

/**
 * Puts a checkpoint's optimizer state on the current engine, for a model that was loaded with its adapter.
 * @throws Error naming the parameter whose state is missing or of another shape.
 */
export function restoreProgress({ directory, step, log, moments }: Checkpoint, model: GemmaClassifier): TrainProgress {
  const restored = trainableParameters(model).map(({ name, value }) => {
    const read = (moment: Moment) => {
      const key = momentKey(name, moment);
      const stored = moments.get(key);
      if (!stored || stored.shape.join() !== value.shape.join()) {
        const got = stored ? `has shape [${stored.shape}]` : 'is missing';
        throw new Error(`${directory}/optimizer.safetensors: '${key}' ${got}, the model wants [${value.shape}]`);
      }
      return keep(tensor(Float32Array.from(toFloat32(stored)), value.shape));
    };
    return { expAvg: read('expAvg'), expAvgSq: read('expAvgSq') };
  });
  return { step, log, optimizer: { step, moments: restored } };
}
