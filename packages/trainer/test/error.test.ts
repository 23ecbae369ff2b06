/** @file One bad input for each code of a TrainerError. */
import { bytesFolder } from '@arena/files';
import { openEngine } from '@arena/runtime';
import { adamW, loadCheckpoint, type Trainable, TrainerError, train } from '@arena/trainer';
import { readOptimizerPt } from '@arena/trainer/checkpoint';
import { scalar } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';

beforeAll(async () => {
  await openEngine('cpu');
});

/** A model without parameters, and with the loss that is given. */
const model = (loss: number): Trainable => ({
  parameters: () => [],
  pass: async () => ({ loss: scalar(loss) }),
  files: async () => ({}),
});
const batch = { ids: Int32Array.of(3), offsets: Int32Array.of(0, 1), labels: [0] };

test.each([
  [{ files: null }, 'arena_state.json: files is null, expected a table of file names with their SHA-256'],
  [{ files: { a: 1 } }, 'files is {"a":1}, expected'],
  [{ files: {}, parameters: 'all' }, 'parameters is "all", expected a list of names'],
])('arena_state.json with %j', async (fields, message) => {
  const state = JSON.stringify({ format: 'arena-checkpoint-1', ...fields });
  await expect(loadCheckpoint(bytesFolder({ 'arena_state.json': new TextEncoder().encode(state) }))).rejects.toThrow(
    message,
  );
});

test('a run that is shorter than its checkpoint is refused', async () => {
  const resume = { step: 9, optimizer: { step: 9, moments: [] }, log: [], evaluations: [] };
  const run = { model: model(1), batches: () => [batch], learningRate: 1, maxSteps: 5, resume };
  await expect(train(run)).rejects.toThrow('the checkpoint is of step 9, the run has 5 steps');
});

test.each<[TrainerError['code'], () => unknown]>([
  ['not_found', () => loadCheckpoint(bytesFolder({}))],
  ['format', () => readOptimizerPt(new Uint8Array(9))],
  [
    'damaged',
    () => {
      const state = JSON.stringify({ format: 'arena-checkpoint-1', files: { 'trainer_state.json': '00' } });
      return loadCheckpoint(bytesFolder({ 'arena_state.json': state, 'trainer_state.json': '{}' }));
    },
  ],
  ['mismatch', () => adamW([], {}, { step: 1, moments: [{ state1: new Uint8Array(1) } as never] })],
  ['argument', () => train({ model: model(1), batches: () => [], learningRate: 1 })],
  ['diverged', () => train({ model: model(Number.NaN), batches: () => [batch], learningRate: 1 })],
])('%s', async (code, run) => {
  const error = await (async () => run())().catch((one) => one);
  expect(error).toBeInstanceOf(TrainerError);
  expect(error).toMatchObject({ name: 'TrainerError', code });
});
