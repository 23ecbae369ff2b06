/** @file Judges that know what style explains: verdicts by hand, the card, the loss with style, whole runs. */
import { type Battle, cleanBattles, swapBattle, syntheticBattles } from '@arena/data';
import { readFileAt } from '@arena/files';
import {
  completeSettings,
  evaluateJudge,
  type GivenSettings,
  JudgeError,
  type ModelCard,
  memoryStore,
  openJudge,
  type RunEvent,
  type Store,
  trainJudge,
} from '@arena/judge';
import { type Base, describeStyle, formatCard, type JudgeStyle, parseCard, styleOf } from '@arena/judge/card';
import { latestCheckpoint, measure, newAdapter, objectiveOf, readJudge } from '@arena/judge/run';
import { splitVotes } from '@arena/judge/votes';
import { type Engine, openEngine } from '@arena/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planTraining } from '../src/plan.js';
import { withStyle } from '../src/style.js';
import { TINY, tinyBase } from './tiny.js';

const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));
const of = (more: Partial<GivenSettings>) => objectiveOf(completeSettings({ base: 'b', data: ['d'], ...more }));

const STYLE: JudgeStyle = {
  version: 1,
  mode: 'stack',
  kept: 'stack',
  a: 0.5,
  b: 1.25,
  terms: { characters: { scale: 2, coefficient: 0.5 }, lines: { scale: 1, coefficient: -0.25 } },
  tried: [{ name: 'raw', a: 1, b: 0, logLoss: 0.7 }],
  votes: { train: 100, validation: 50 },
};

describe('a verdict with style', () => {
  test('is sigmoid(a m + b s) of A against B; P(tie) stays', () => {
    const two = withStyle(of({}).verdict([1.5, -0.5]), 0.4, STYLE, 'stack');
    expect(two.a).toBeCloseTo(sigmoid(0.5 * 2 + 1.25 * 0.4), 12);
    expect(two.a + two.b).toBeCloseTo(1, 12);
    expect(two.log.a).toBeCloseTo(Math.log(two.a), 12);
    const raw = of({ classes: 3 }).verdict([1.5, -0.5, 0.25]);
    const three = withStyle(raw, 0.4, STYLE, 'stack');
    expect(three.tie).toBe(raw.tie);
    expect(three.a / (three.a + three.b)).toBeCloseTo(sigmoid(1.5), 12);
    expect(three.a + three.b + three.tie).toBeCloseTo(1, 6);
    const reward = withStyle(of({ loss: 'bradley-terry' }).verdict([-3, 2]), -1, STYLE, 'stack');
    expect(reward.a).toBeCloseTo(sigmoid(-2.5 - 1.25), 12);
    expect(reward.rewards).toEqual([-3, 2]);
  });

  test('that was in the loss is that of logits with half of it each', () => {
    for (const [objective, logits, moved] of [
      [of({}), [1.5, -0.5], [1.7, -0.7]],
      [of({ classes: 3 }), [1.5, -0.5, 0.25], [1.7, -0.7, 0.25]],
      [of({ loss: 'bradley-terry' }), [1.5, -0.5], [1.7, -0.7]],
    ] as const) {
      const got = withStyle(objective.verdict(logits), 0.4, { a: 1, b: 1 }, 'offset');
      const want = objective.verdict(moved);
      for (const side of ['a', 'b', 'tie'] as const) expect(got[side]).toBeCloseTo(want[side], 6);
    }
  });

  test('stays finite however sure the judge is', () => {
    for (const logits of [
      [900, -900, -900],
      [-900, -900, 900],
    ]) {
      for (const mode of ['stack', 'offset'] as const) {
        const { a, b, tie } = withStyle(of({ classes: 3 }).verdict(logits), 5, STYLE, mode);
        expect([a, b, tie].every((p) => p >= 0 && p <= 1)).toBe(true);
      }
    }
  });
});

describe('the card', () => {
  const card: ModelCard = {
    ...({ format: 'arena-model-1', base: 'b', head: 'classes', pack: { maxTokens: 64 } } as ModelCard),
    quantization: null,
    style: STYLE,
  };

  test('keeps the style, and says which of two probabilities it stands for', () => {
    expect(parseCard(formatCard(card), 'arena.json')).toEqual(card);
    expect(styleOf(card)).toBe(STYLE);
    expect(styleOf({})).toBeUndefined();
    expect(describeStyle(card)).toMatch(/sigmoid\(0\.50 x margin \+ 1\.25 x style\), fitted on 50 validation votes/);
    expect(describeStyle(card, true)).toBe('probabilities are of the margin alone (raw)');
    expect(describeStyle({ style: { ...STYLE, a: 1, b: 0 } })).toBeUndefined();
    expect(describeStyle({})).toBeUndefined();
  });

  test.each<[string, object, RegExp]>([
    [
      'a version that is to come',
      { version: 2 },
      /x\.json: its style has version 2, not 1; take a newer version of Arena/,
    ],
    [
      'a term that is to come',
      { terms: { emoji: { scale: 1, coefficient: 1 } } },
      /has the term "emoji".*newer.*`raw`/,
    ],
    ['another mode', { mode: 'mixture' }, /has mode "mixture"; take a newer version/],
    ['a number that is none', { a: null }, /numbers that are not finite; `raw` leaves it out/],
    ['a scale of 0', { terms: { lines: { scale: 0, coefficient: 1 } } }, /numbers that are not finite/],
    ['no terms', { terms: undefined }, /has no terms/],
  ])('%s is refused when it is used, not when it is read', (_, wrong, message) => {
    const read = parseCard(formatCard({ ...card, style: { ...STYLE, ...wrong } as JudgeStyle }), 'x.json');
    expect(() => styleOf(read, 'x.json')).toThrow(JudgeError);
    expect(() => styleOf(read, 'x.json')).toThrow(message);
    expect(describeStyle(read, true)).toContain('(raw)');
  });
});

describe('runs', () => {
  // people take the longer answer, but for each sixth vote; some call it a tie
  const { battles } = cleanBattles(
    syntheticBattles({ count: 480, seed: 9 }).map((one, i): Battle => {
      const longer = one.responseA[0].length > one.responseB[0].length ? 'a' : 'b';
      return { ...one, winner: i % 13 === 7 ? 'tie' : i % 6 ? longer : longer === 'a' ? 'b' : 'a' };
    }),
    { ties: 'keep' },
  );
  const whole = splitVotes(battles, { seed: 42 });
  const parts = { ...whole, train: whole.train.slice(0, 160), test: whole.test.slice(0, 60) };
  let engine: Engine;
  let base: Base;

  beforeAll(async () => {
    engine = await openEngine('wasm', { threads: 1 });
    base = await tinyBase(battles);
  });
  afterAll(() => engine.dispose());

  const settings = (more: Partial<GivenSettings> = {}): GivenSettings => ({
    ...TINY,
    maxSteps: 4,
    learningRate: 3e-3,
    ...more,
  });
  const cardIn = async (store: Store): Promise<ModelCard> =>
    JSON.parse(new TextDecoder().decode((await readFileAt(store.location('adapter'), 'arena.json'))!));
  const run = async (more: Partial<GivenSettings>, store = memoryStore(), votes = parts) => {
    const events: RunEvent[] = [];
    const onEvent = (event: RunEvent) => void events.push(event);
    const trained = await trainJudge({ parts: votes }, settings(more), store, { base, onEvent });
    const styled = events.findLast((event) => event.kind === 'styled');
    return { ...trained, store, styled, events };
  };

  test.each<Partial<GivenSettings>>([{}, { loss: 'bradley-terry' }, { classes: 3 }])(
    'after training the style is fitted, kept in arena.json, and shown in the report: %o',
    async (more) => {
      const { judge, store, styled, validation } = await run(more);
      const { style } = judge.card;
      expect(await cardIn(store)).toEqual(JSON.parse(formatCard(judge.card)));
      expect(styled).toMatchObject({ style, note: expect.stringContaining('log loss on held-out validation votes: ') });
      expect(style!.tried.map(({ name }) => name)).toEqual(['raw', 'temperature', 'stack']);
      expect(validation).toHaveLength(parts.validation.length);
      // votes follow length here, and a model of random weights does not: style is worth its two numbers
      expect(style!.kept).toBe('stack');
      const said = await judge.predictMany(parts.test);
      const alone = await judge.predictMany(parts.test, { raw: true });
      said.forEach(({ rawProbabilityA, rawProbabilityASwapped, probabilityA }, i) => {
        expect(rawProbabilityA).toBe(alone[i].probabilityA);
        expect(rawProbabilityASwapped).toBe(alone[i].probabilityASwapped);
        expect(alone[i].rawProbabilityA).toBeUndefined();
        expect(probabilityA).not.toBe(rawProbabilityA);
      });
      const exchanged = await judge.predictMany(parts.test.map(swapBattle));
      said.forEach(({ probabilityA, probabilityASwapped }, i) => {
        const swapped = probabilityASwapped ?? probabilityA;
        expect(exchanged[i].probabilityA).toBeCloseTo(1 - swapped, 5);
      });
      const scored: number[] = [];
      const onProgress = (done: number, total: number) => void scored.push(done, total);
      const { report } = await evaluateJudge(judge, parts, { title: 't', seed: 1, validation, onProgress });
      expect(scored.at(-1)).toBe(2 * parts.test.length);
      const rows = report.predictors.map(({ name }) => name);
      for (const name of ['model', 'margin', 'both', 'style']) expect(rows).toContain(name);
      const figure = (name: string) => report.predictors.find((row) => row.name === name)!.logLoss.value!;
      expect(figure('both')).toBeCloseTo(figure('model'), 12);
      expect(report.style!.rows.map(({ name }) => name)).toEqual(['margin', 'both', 'style', 'model']);
      const raw = await evaluateJudge(judge, parts, { title: 't', seed: 1, raw: true });
      expect(raw.report.predictors[0].logLoss.value).toBeCloseTo(figure('margin'), 6);
      expect(raw.report.style).toBeUndefined();
      const { report: bare } = await evaluateJudge(judge, { ...parts, train: [] }, { title: 't', seed: 1 });
      expect(bare.style!.rows.map(({ name }) => name)).toEqual(['margin', 'style', 'both', 'model']);
      await judge.dispose();
      const opened = await openJudge(base, await readJudge(store.location('adapter')));
      expect(await opened.predictMany(parts.test)).toEqual(said);
      const unknown = { ...opened.card, style: { ...style!, version: 9 } as unknown as JudgeStyle };
      const later = await openJudge(base, { ...(await readJudge(store.location('adapter'))), card: unknown });
      await expect(later.predictMany(parts.test)).rejects.toThrow('its style has version 9, not 1');
      expect(await later.predictMany(parts.test, { raw: true })).toEqual(alone);
      await opened.dispose();
      await later.dispose();
    },
  );

  test('style none, and a validation part that is too small or one-sided, leave the margin', async () => {
    const none = await run({ style: 'none' });
    expect(none.events.some(({ kind }) => kind === 'scoring' || kind === 'styled')).toBe(false);
    expect(none.judge.card.style).toBeUndefined();
    const few = { ...parts, validation: parts.validation.slice(0, 30) };
    const small = await run({}, memoryStore(), few);
    const decided = few.validation.filter(({ winner }) => winner !== 'tie').length;
    expect(small.styled!.note).toBe(
      `temperature and style terms are not fitted: the validation part has ${decided} decided votes, fewer than 40`,
    );
    expect(small.judge.card.style).toBeUndefined();
    expect(small.events.some(({ kind }) => kind === 'scoring')).toBe(false);
    const sided = { ...parts, validation: parts.validation.map((one): Battle => ({ ...one, winner: 'a' })) };
    const one = await run({}, memoryStore(), sided);
    expect(one.styled!.note).toMatch(/'a' won all \d+ decided votes of the validation part$/);
    for (const { judge } of [none, small, one]) await judge.dispose();
    const adapter = (store: Store) => readFileAt(store.location('adapter'), 'adapter_model.safetensors');
    expect(await adapter(small.store)).toEqual(await adapter(none.store)); // training knows nothing of it
  });

  test.each<[Partial<GivenSettings>, number]>([
    [{}, 2],
    [{ swapAugment: true }, 2],
    [{ classes: 3 }, 3],
    [{ loss: 'bradley-terry' }, 2],
  ])('in the loss the style of a battle is half for A, minus half for B: %o', (more, width) => {
    const full = completeSettings(settings({ ...more, batchSize: 3 }));
    const objective = objectiveOf(full);
    const pack = objective.packer(base.tokenizer);
    const packed = parts.train.slice(0, 7).map(pack);
    const s = packed.map((_, i) => i - 2.5);
    const plan = planTraining(packed, full, base, { quantization: null }, newAdapter(base, full), objective, {}, s);
    for (const { rows, logitOffsets } of plan.batches(0)) {
      expect(Array.from(logitOffsets!)).toEqual(
        Array.from(rows!).flatMap((row) => [s[row] / 2, -s[row] / 2, 0].slice(0, width)),
      );
    }
  });

  test.each<Partial<GivenSettings>>([
    { evalEvery: 2 },
    { evalEvery: 2, swapAugment: true, labelSmoothing: 0.1 },
    { evalEvery: 2, loss: 'bradley-terry' },
    { evalEvery: 2, classes: 3 },
  ])('style offset: the measure during training is of the judge that is stored: %o', async (more) => {
    const { judge, store, result, events } = await run({ style: 'offset', ...more });
    const { style } = judge.card;
    expect(style).toMatchObject({ mode: 'offset', b: 1 });
    expect(await cardIn(store)).toEqual(JSON.parse(formatCard(judge.card)));
    const before = events.flatMap((event) => (event.kind === 'opened' ? [event.judge.card.style!] : []));
    expect(before).toMatchObject([{ mode: 'offset', a: 1, b: 1, terms: style!.terms, tried: [] }]);
    // without the temperature: what was measured
    const card = { ...judge.card, style: { ...style!, a: 1 } };
    const stored = { ...(await readJudge(store.location('adapter'))), card };
    await judge.dispose();
    const opened = await openJudge(base, stored);
    const said = await opened.predictMany(parts.validation);
    const loss = said.reduce((sum, { probabilityA: p, probabilities }, i) => {
      const { winner } = parts.validation[i];
      if (probabilities) return sum - Math.log(probabilities[['a', 'b', 'tie'].indexOf(winner!)]);
      return sum - (winner === 'tie' ? Math.log(p * (1 - p)) / 2 : Math.log(winner === 'a' ? p : 1 - p));
    }, 0);
    expect(loss / said.length).toBeCloseTo(result!.best!.metric, 4);
    const { report } = await evaluateJudge(opened, parts, { title: 't', seed: 1 });
    expect(report.style!.rows.map(({ name }) => name)).toEqual(['content', 'both', 'style', 'model']);
    await opened.dispose();
  });

  test('style offset trains other weights than none, and with too few validation votes still belongs to the judge', async () => {
    const few = { ...parts, validation: parts.validation.slice(0, 10) };
    const offset = await run({ style: 'offset' }, memoryStore(), few);
    const none = await run({ style: 'none' }, memoryStore(), few);
    expect(offset.judge.card.style).toMatchObject({ mode: 'offset', kept: 'raw', a: 1, b: 1, tried: [] });
    expect(offset.styled!.note).toMatch(/^no temperature is fitted: /);
    const adapter = (store: Store) => readFileAt(store.location('adapter'), 'adapter_model.safetensors');
    expect(await adapter(offset.store)).not.toEqual(await adapter(none.store));
    for (const { judge } of [offset, none]) await judge.dispose();
  });

  test('stopped and resumed with style in the loss, a run ends with the bits of one that nobody stopped', async () => {
    const given = settings({ style: 'offset', swapAugment: true });
    const [whole, store] = [memoryStore(), memoryStore()];
    const first = await trainJudge({ parts }, given, whole, { base });
    const stop = new AbortController();
    const onEvent = (event: RunEvent) => {
      if (event.kind === 'step' && event.entry.step === 2) stop.abort(new Error('enough'));
    };
    const cut = await trainJudge({ parts }, given, store, { base, saveEvery: 9, signal: stop.signal, onEvent });
    expect(cut.result).toBeUndefined();
    const resume = { checkpoint: await latestCheckpoint(store) };
    expect(resume.checkpoint).toBe('checkpoint-2');
    const rest = await trainJudge({ parts }, given, store, { base, resume });
    for (const name of ['adapter_model.safetensors', 'arena.json']) {
      expect(await readFileAt(store.location('adapter'), name)).toEqual(
        await readFileAt(whole.location('adapter'), name),
      );
    }
    for (const { judge } of [first, cut, rest]) await judge.dispose();
  });

  test('stopped while validation is scored, a run leaves the adapter and no style', async () => {
    const store = memoryStore();
    const stop = new AbortController();
    const onEvent = (event: RunEvent) => {
      if (event.kind === 'trained') stop.abort(new Error('enough'));
    };
    const { judge, result } = await trainJudge({ parts }, settings(), store, { base, signal: stop.signal, onEvent });
    expect(result!.steps).toBe(4);
    expect(judge.card.style).toBeUndefined();
    expect((await cardIn(store)).style).toBeUndefined();
    await judge.dispose();
  });

  test('a measure with style is that of moved logits', async () => {
    const { judge } = await run({ style: 'none' });
    const decided = parts.validation.filter(({ winner }) => winner !== 'tie').slice(0, 6);
    const packed = decided.map(judge.objective.packer(base.tokenizer));
    const plain = await measure(judge.model, judge.objective, packed);
    expect(await measure(judge.model, judge.objective, packed, { style: packed.map(() => 0) })).toEqual({
      loss: expect.closeTo(plain.loss, 6),
      accuracy: plain.accuracy,
    });
    const sure = packed.map(({ label }) => (label === 0 ? 50 : -50));
    expect((await measure(judge.model, judge.objective, packed, { style: sure })).loss).toBeLessThan(1e-9);
    await judge.dispose();
  });
});
