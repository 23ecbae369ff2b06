/** @file Converts a checkpoint of Arena for the Hugging Face Trainer (`resume_from_checkpoint`). */

import { type Location, readFileAt } from '@arena/files';
import { toFloat32 } from '@arena/safetensors/tensor';
import { loadCheckpoint } from './checkpoint.js';
import { TrainerError } from './error.js';
import { type OptimizerSettings, writeHfOptimizer } from './hf-optimizer.js';
import { isDecayed } from './optimizer.js';
import { resumableTrainerState } from './trainer-state.js';

/**
 * The files of the checkpoint for transformers: adapter, optimizer.pt, scheduler.pt and trainer_state.json. It omits
 * random states (transformers then warns that dropout will differ).
 * @param nextRate Learning rate of the next step.
 * @throws TrainerError when the checkpoint is damaged or not Arena's.
 */
export async function hfCheckpointFiles(
  location: Location,
  settings: OptimizerSettings,
  nextRate: number,
): Promise<Record<string, Uint8Array>> {
  const { place, optimizer, parameters, modelFiles } = await loadCheckpoint(location);
  if (!parameters || !modelFiles)
    throw new TrainerError('not_found', `${place}: has no arena_state.json; a checkpoint that Arena wrote is expected`);
  if (parameters.some((name) => optimizer.moments.has(`${name}.state1`))) {
    throw new TrainerError(
      'format',
      `${place}: its optimizer keeps 8-bit states, which the optimizer.pt of AdamW has no place for`,
    );
  }
  const values = (key: string) => {
    const stored = optimizer.moments.get(key);
    if (!stored) throw new TrainerError('format', `${place}/optimizer.safetensors: '${key}' is missing`);
    return { values: Float32Array.from(toFloat32(stored)), shape: stored.shape };
  };
  const states = parameters.map((name) => {
    const { values: expAvg, shape } = values(`${name}.exp_avg`);
    return { shape, expAvg, expAvgSq: values(`${name}.exp_avg_sq`).values, decayed: isDecayed(name) };
  });
  const own: Record<string, Uint8Array> = {};
  for (const name of modelFiles) own[name] = (await readFileAt(location, name))!;
  const state = new TextDecoder().decode((await readFileAt(location, 'trainer_state.json'))!);
  return {
    ...own,
    ...writeHfOptimizer(states, optimizer.step, settings, nextRate),
    'trainer_state.json': new TextEncoder().encode(resumableTrainerState(state)),
  };
}
