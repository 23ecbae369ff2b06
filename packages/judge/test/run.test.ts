/** @file The whole way in memory: votes, a judge, its report; stopped and resumed. */
import { type Battle, cleanBattles, syntheticBattles } from '@arena/data';
import { bytesFolder, readFileAt } from '@arena/files';
import {
  evaluateJudge,
  type GivenSettings,
  type Judge,
  memoryStore,
  openJudge,
  type RunEvent,
  type Store,
  tinyBaseFor,
  trainJudge,
} from '@arena/judge';
import type { Base } from '@arena/judge/card';
import { keepEvaluation, latestCheckpoint, openBase, readJudge } from '@arena/judge/run';
import { readText, splitVotes } from '@arena/judge/votes';
import { type Engine, openEngine } from '@arena/runtime';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { TINY, tinyBase } from './tiny.js';

const { battles } = cleanBattles(syntheticBattles({ count: 160, seed: 4 }));
const parts = splitVotes(battles, { seed: 42 });
let engine: Engine;
let base: Base;

beforeAll(async () => {
  engine = await openEngine('wasm', { threads: 1 });
  base = await tinyBase(battles);
});
afterAll(() => engine.dispose());

const settings = (more: Partial<GivenSettings> = {}): GivenSettings => ({
  ...TINY,
  maxSteps: 6,
  learningRate: 1e-3,
  ...more,
});

async function lines(store: Store): Promise<object[]> {
  return (await readText(store, 'log.jsonl'))!.trim().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: a chain
}

const probabilities = async (judge: Judge, some: Battle[]) =>
  (await judge.predictMany(some)).map(({ probabilityA, probabilityASwapped }) => [
    probabilityA,
    probabilityASwapped ?? -1,
  ]);

describe.each([
  ['two classes', {}],
  ['three classes', { classes: 3 }],
  ['a reward model in float', { loss: 'bradley-terry', quantize: 'none' }],
] as [string, Partial<GivenSettings>][])('%s', (_, kind) => {
  const store = memoryStore();
  const events: RunEvent[] = [];
  let said: number[][];

  test('a run tells what it does, and keeps settings, split, log and adapter', async () => {
    const given = settings({ ...kind, evalEvery: 3 });
    const splits = { format: 'arena-splits-1' as const, options: parts.options, train: [], validation: [], test: [] };
    const onEvent = (event: RunEvent) => void events.push(event);
    const written = vi.spyOn(store, 'write');
    const { judge, result } = await trainJudge({ parts, splits }, given, store, { base, onEvent });
    // run.json says that a run has begun: whoever finds it finds what --resume needs
    expect(written.mock.calls.map(([file]) => file)).toEqual(['splits.json', 'run.json', 'log.jsonl']);
    said = await probabilities(judge, parts.test.slice(0, 8));
    await judge.dispose();
    expect(result).toMatchObject({ steps: 6, totalSteps: 6 });
    expect((await store.list()).sort()).toEqual(['adapter', 'log.jsonl', 'run.json', 'splits.json']);
    expect(JSON.parse((await readText(store, 'run.json'))!)).toMatchObject(given);
    const kinds = events.map(({ kind }) => kind).filter((one, i, all) => one !== all[i - 1]);
    expect(kinds).toEqual([
      ...['packed', 'loading', 'opened', 'begin', 'step', 'measured', 'step', 'measured', 'trained', 'styled'],
    ]);
    const told = events.flatMap((event) => (event.kind === 'step' || event.kind === 'measured' ? [event.entry] : []));
    expect(await lines(store)).toEqual(told);
  });

  test('its folder opens as a judge that says the same', async () => {
    const judge = await openJudge(base, await readJudge(store.location('adapter')));
    expect(await probabilities(judge, parts.test.slice(0, 8))).toEqual(said);
    const { id: _, ...alone } = await judge.predict(parts.test[0]);
    expect(alone.probabilityA).toBeCloseTo(said[0][0], 5);
    const written = await readFileAt(store.location('adapter'), 'adapter_model.safetensors');
    expect((await judge.files())['adapter_model.safetensors']).toEqual(written);
    await judge.dispose();
  });

  test('it is evaluated: a prediction a test battle, a report, and the table', async () => {
    const judge = await openJudge(base, await readJudge(store.location('adapter')));
    const done: [number, number][] = [];
    const total = 2 * (parts.validation.length + parts.test.length);
    const evaluation = await evaluateJudge(judge, parts, {
      title: 'A run',
      seed: 1,
      onProgress: (...counts) => void done.push(counts),
    });
    await judge.dispose();
    expect(done.at(-1)).toEqual([total, total]);
    await keepEvaluation(store, evaluation);
    const predictions = (await readText(store, 'predictions.jsonl'))!.trim().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: a chain
    expect(predictions.map(({ id }) => id)).toEqual(parts.test.map(({ id }) => id));
    expect(predictions.map(({ winner }) => winner)).toEqual(parts.test.map(({ winner }) => winner));
    expect(Object.keys(evaluation.files).at(-1)).toBe('metrics.json');
    expect(evaluation.table).toContain('always-longer');
    expect(evaluation.report.data.n).toBe(parts.test.filter(({ winner }) => winner !== 'tie').length);
  });
});

test('a share of the steps between two measurements is rounded up', async () => {
  const measured: number[] = [];
  const { judge } = await trainJudge({ parts }, settings({ evalEvery: 0.4 }), memoryStore(), {
    base,
    measured: 4,
    onEvent: (event) => void (event.kind === 'measured' && measured.push(event.entry.step)),
  });
  await judge.dispose();
  expect(measured).toEqual([3, 6]); // 0.4 of 6 is 2.4
});

test('stopped and resumed, a run ends with the bits of one that nobody stopped', async () => {
  const given = settings({ evalEvery: 2 });
  const whole = memoryStore();
  const first = await trainJudge({ parts }, given, whole, { base, saveEvery: 2, keep: 1 });
  await first.judge.dispose();
  expect((await whole.list()).filter((name) => name.startsWith('checkpoint-'))).toEqual(['checkpoint-6']);

  const store = memoryStore();
  const stop = new AbortController();
  const stopped: RunEvent[] = [];
  const cut = await trainJudge({ parts }, given, store, {
    base,
    saveEvery: 4,
    signal: stop.signal,
    onEvent(event) {
      if (event.kind === 'step' && event.entry.step === 3) stop.abort(new Error('enough'));
      if (event.kind === 'stopped') stopped.push(event);
    },
  });
  expect(cut.result).toBeUndefined();
  expect(stopped).toEqual([{ kind: 'stopped', step: 3, folder: 'checkpoint-3' }]);
  expect((await cut.judge.predict(parts.test[0])).probabilityA).toBeGreaterThan(0); // it can be asked what it has learnt
  await cut.judge.dispose();
  expect(await store.list()).not.toContain('adapter');

  const checkpoint = await latestCheckpoint(store);
  expect(checkpoint).toBe('checkpoint-3');
  const begun: RunEvent[] = [];
  const rest = await trainJudge({ parts }, given, store, {
    base,
    resume: { checkpoint },
    saveEvery: 2,
    onEvent: (event) => void (event.kind === 'begin' && begun.push(event)),
  });
  await rest.judge.dispose();
  expect(begun).toMatchObject([{ totalSteps: 6, checkpoint: { step: 3 } }]);
  const bytes = (from: Store) => readFileAt(from.location('adapter'), 'adapter_model.safetensors');
  expect(await bytes(store)).toEqual(await bytes(whole));
  expect(await lines(store)).toEqual(await lines(whole));
});

test('a run that cannot be is refused before the base is loaded, and leaves nothing', async () => {
  const store = memoryStore();
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent) => void events.push(event);
  const run = (more: Partial<GivenSettings>, options = {}) =>
    trainJudge({ parts }, settings(more), store, { base, onEvent, ...options });
  await expect(run({ firstLayer: 2 })).rejects.toThrow('`firstLayer` 2: the base has 2 layers (0 to 1)');
  await expect(run({ layers: 3 })).rejects.toThrow('`layers` 3: tiny has 2');
  await expect(run({ layers: 1 })).rejects.toThrow('`firstLayer` 1: `layers` leaves 1 layers (0 to 0)');
  await expect(run({ targets: ['qproj'] })).rejects.toThrow('no linear layer matches');
  await expect(run({ rank: 0 })).rejects.toThrow('`rank` is 0');
  await expect(run({}, { memoryBytes: () => 1e5 })).rejects.toThrow('lower the tokens of a batch');
  expect(events.some(({ kind }) => kind === 'loading')).toBe(false);
  expect(await store.list()).toEqual([]);
});

test('a base whose tokenizer is of another model is refused', async () => {
  const files = tinyBaseFor(battles, { hiddenSize: 32, layers: 2, vocabSize: 700 });
  const config = JSON.parse(new TextDecoder().decode(files['config.json']));
  const other = { ...files, 'config.json': JSON.stringify({ ...config, vocab_size: 100 }) };
  await expect(openBase(bytesFolder(other), 'mixed')).rejects.toThrow(
    /^mixed: its tokenizer has \d+ tokens, its config\.json 100: they are of two models/,
  );
  const { 'tokenizer.json': _, ...mute } = files;
  await expect(openBase(bytesFolder(mute))).rejects.toThrow('tokenizer.json: cannot be read (ENOENT)');
});

test('a base whose maker says its digest: the card has it, and another base is refused', async () => {
  const [own, other] = ['a', 'b'].map((digit) => ({ ...base, sha256: digit.repeat(64) }));
  const store = memoryStore();
  const { judge } = await trainJudge({ parts }, settings({ maxSteps: 1, style: 'none' }), store, { base: own });
  await judge.dispose();
  const files = await readJudge(store.location('adapter'));
  expect(files.card.baseSha256).toBe(own.sha256);
  await expect(openJudge(other, files)).rejects.toThrow(
    /SHA-256 bbbbbbbbbbbb…; the adapter was trained on another base/,
  );
  await (await openJudge(own, files)).dispose();
  await (await openJudge(base, files)).dispose(); // a folder whose digest nobody took
});
