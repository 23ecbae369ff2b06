/** @file trainer_state.json in the form of the Hugging Face Trainer (trainer_callback.TrainerState). */
import { editJson, parsePythonJson } from '@arena/safetensors/json';
import { TrainerError } from './error.js';
import type { EvaluationEntry, LogEntry, TrainProgress } from './train.js';

/** Facts on the run in trainer_state.json, besides its log. */
export interface RunInfo {
  totalSteps: number;
  epochs: number;
  /** Sequences a micro-batch. */
  batchSize: number;
}

/** trainer_state.json in transformers' form. */
export function formatTrainerState(
  { step, log, evaluations, best }: Pick<TrainProgress, 'step' | 'log' | 'evaluations' | 'best'>,
  { totalSteps, epochs, batchSize }: RunInfo,
): string {
  const history = [...log, ...evaluations].sort((a, b) => a.step - b.step); // stable: an evaluation follows its step
  const fields = {
    best_global_step: best?.step ?? null,
    best_metric: best?.metric ?? null,
    best_model_checkpoint: null,
    epoch: history.at(-1)?.epoch ?? 0,
    eval_steps: totalSteps,
    global_step: step,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: history,
    logging_steps: 1,
    max_steps: totalSteps,
    num_input_tokens_seen: 0,
    num_train_epochs: epochs,
    save_steps: totalSteps,
    stateful_callbacks: {},
    total_flos: 0,
    train_batch_size: batchSize,
    trial_name: null,
    trial_params: null,
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

/**
 * What the Trainer indexes at each save (`stateful_callbacks["TrainerControl"]`), as it stands after a save. A run that is
 * resumed without it ends at its next save.
 */
const TRAINER_CONTROL = {
  args: {
    should_epoch_stop: false,
    should_evaluate: false,
    should_log: false,
    should_save: true,
    should_training_stop: false,
  },
  attributes: {},
};

/**
 * The text of a trainer_state.json that transformers' Trainer resumes from and saves again. Its `save_steps` go before those of the
 * Trainer's own arguments: as many steps as there are up to this checkpoint.
 * @throws SyntaxError for no JSON.
 */
export function resumableTrainerState(text: string): string {
  const { stateful_callbacks: callbacks, global_step } = parsePythonJson(text) as {
    stateful_callbacks?: Record<string, unknown> | null;
    global_step: number;
  };
  const stateful_callbacks = { TrainerControl: TRAINER_CONTROL, ...callbacks };
  return editJson(text, { stateful_callbacks, ...(global_step > 0 ? { save_steps: global_step } : {}) });
}

/** The parts of trainer_state.json that a resumed run needs. */
export interface TrainerState {
  step: number;
  /** Optimizer steps of the whole run. */
  totalSteps: number;
  log: LogEntry[];
  evaluations: EvaluationEntry[];
  /** Step and metric of the best evaluation. */
  best?: { step: number; metric: number };
}

/**
 * Reads trainer_state.json of Arena or transformers.
 * @param path For messages.
 * @throws TrainerError when it is not a JSON object with a global_step.
 */
export function parseTrainerState(text: string, path: string): TrainerState {
  let state: Record<string, unknown>;
  try {
    state = parsePythonJson(text) as Record<string, unknown>;
  } catch (error) {
    throw new TrainerError('format', `${path}: no JSON (${(error as Error).message})`);
  }
  const { global_step: step, log_history: history, best_global_step, best_metric, max_steps } = state ?? {};
  if (!Number.isInteger(step) || (step as number) < 0) {
    throw new TrainerError('format', `${path}: global_step is ${JSON.stringify(step)}, a whole number is expected`);
  }
  if (Number.isInteger(max_steps) && (max_steps as number) > 0 && (step as number) > (max_steps as number)) {
    throw new TrainerError(
      'format',
      `${path}: global_step is ${step}, but max_steps is ${max_steps}: the file was edited`,
    );
  }
  if (!Array.isArray(history)) throw new TrainerError('format', `${path}: log_history is no list`);
  const best =
    typeof best_global_step === 'number' && Number.isFinite(best_metric)
      ? { step: best_global_step, metric: best_metric as number }
      : undefined;
  return {
    step: step as number,
    totalSteps: Number.isInteger(max_steps) ? (max_steps as number) : (step as number),
    log: history.filter((entry): entry is LogEntry => typeof entry?.loss === 'number'),
    evaluations: history.filter((entry): entry is EvaluationEntry => typeof entry?.eval_loss === 'number'),
    ...(best ? { best } : {}),
  };
}
