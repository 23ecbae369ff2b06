/** @file What a training is said to take follows from steps and tokens; on a clock that only counts its readings. */
import { type Battle, syntheticBattles } from '@arena/data';
import { GEMMA2_2B } from '@arena/gemma';
import { estimateTraining } from '@arena/judge/estimate';
import { type Engine, openEngine } from '@arena/runtime';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { TINY } from './tiny.js';

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine('wasm', { threads: 1 });
  let readings = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => 1000 * readings++);
});
afterAll(() => {
  vi.restoreAllMocks();
  engine.dispose();
});

const [battle] = syntheticBattles({ count: 1, seed: 1 });
/** Votes of one length, so that a step of any of them is like the measured one. */
const votes = (count: number): Battle[] => Array.from({ length: count }, (_, i) => ({ ...battle, id: `${i}` }));
const config = (layers: number) => ({
  ...GEMMA2_2B,
  ...{ hidden_size: 32, intermediate_size: 64, num_hidden_layers: layers, num_attention_heads: 2, head_dim: 16 },
  ...{ num_key_value_heads: 1, query_pre_attn_scalar: 16 },
});
const given = { ...TINY, firstLayer: 0, batchSize: 4, evalEvery: undefined };
const parts = { train: votes(40), validation: votes(8) };

test('seconds grow with votes, epochs, trained layers and measurements', async () => {
  const { seconds, memory } = await estimateTraining(config(4), parts, given);
  expect(seconds).toBeGreaterThan(0);
  const twice = await estimateTraining(config(4), { ...parts, train: votes(80) }, given);
  expect(twice.seconds).toBeCloseTo(2 * seconds, 6);
  expect(twice.memory).toBe(memory); // of a step
  const epochs = await estimateTraining(config(4), parts, { ...given, epochs: 3 });
  expect(epochs.seconds).toBeCloseTo(3 * seconds, 6);
  const deep = await estimateTraining(config(8), parts, given);
  expect(deep.seconds).toBeCloseTo(2 * seconds, 6);
  const measured = await estimateTraining(config(4), parts, { ...given, evalEvery: 0.5 });
  const once = await estimateTraining(config(4), parts, { ...given, evalEvery: 0.99 });
  expect(measured.seconds - seconds).toBeCloseTo(2 * (once.seconds - seconds), 6);
  expect(once.seconds).toBeGreaterThan(seconds);
});
