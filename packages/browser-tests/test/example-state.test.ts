/** @file What the page of examples/browser shows follows from what it has: its state, its links, names of models. */
import { describe, expect, test } from 'vitest';
import { challengeOf, runLink } from '../../../examples/browser/src/page/share.js';
import {
  afterEvent,
  INITIAL,
  raceCounts,
  type State,
  withBase,
  withEngine,
  withJudge,
  withVotes,
} from '../../../examples/browser/src/page/state.js';
import { verdict } from '../../../examples/browser/src/page/text.js';
import type { BaseInfo, BattleView, Evaluated, VotesInfo } from '../../../examples/browser/src/protocol.js';
import { hubName } from '../../../examples/browser/src/worker/hub-name.js';
import { formFor, settingsOf } from '../../../examples/browser/src/worker/settings.js';

const form = {
  loss: 'cross-entropy' as const,
  accumulation: 1,
  epochs: 1,
  batchSize: 8,
  learningRate: 2e-3,
  rank: 16,
  firstLayer: 1,
  maxTokens: 384,
};
const base = (tiny: boolean): BaseInfo => ({
  name: 'b',
  tiny,
  layers: 4,
  hiddenSize: 128,
  parameters: 1,
  vocabulary: 9,
  form,
});
const votes = { name: 'v', ceiling: 0.9 } as VotesInfo;
const battle = (id: string, winner: 'a' | 'b'): BattleView => ({
  id,
  winner,
  prompt: ['p'],
  responseA: ['a'],
  responseB: ['b'],
});
const race = [battle('1', 'a'), battle('2', 'b'), battle('3', 'a')];
const evaluated: Evaluated = {
  html: '',
  scores: [],
  sentence: '',
  race: { judge: [0.9, 0.2, 0.4], longer: [0.4, 0.4, 0.5], words: [0.1, 0.9, 0.1] },
};

/** A page with everything on it. */
function full(tiny: boolean): State {
  let state = withBase(withVotes(INITIAL, votes, race), base(tiny));
  state = afterEvent(state, { kind: 'start', totalSteps: 10, trained: 5, memory: 7 });
  state = afterEvent(state, { kind: 'step', step: 1, totalSteps: 10, loss: 0.7, tokensPerSecond: 9, secondsLeft: 3 });
  const judgement = { asGiven: 1, exchanged: 1, mean: 1 };
  return { ...withJudge(state), evaluated, judgement, mine: { 1: 'a', 3: 'b' } };
}

describe('results go when what they came from goes', () => {
  const gone = { hasJudge: false, evaluated: null, judgement: null, run: null };

  test('with other votes: the tiny base, too, whose tokenizer was made from them; a real one stays', () => {
    expect(withVotes(full(true), votes, [])).toMatchObject({
      ...gone,
      base: null,
      form: null,
      mine: {},
      race: [],
      at: 0,
    });
    expect(withVotes(full(false), votes, [])).toMatchObject({ ...gone, base: { name: 'b' } });
  });

  test('with another base, engine, or a lost GPU', () => {
    expect(withBase(full(true), base(false))).toMatchObject(gone);
    expect(withEngine(full(true), { name: 'wasm', detail: '' })).toMatchObject({ ...gone, base: { name: 'b' } });
    expect(afterEvent(full(true), { kind: 'lost' })).toMatchObject(gone);
  });

  test('a new judge has no results yet', () => {
    expect(withJudge(full(true))).toMatchObject({ hasJudge: true, evaluated: null, judgement: null });
  });
});

test('the race counts a person only where they voted', () => {
  expect(raceCounts(full(true))).toEqual({ person: { right: 1, of: 2 }, judge: 2, longer: 2, words: 0 });
});

test('a step without a run, and the same note twice, change nothing', () => {
  const step = { kind: 'step' as const, step: 1, totalSteps: 2, loss: 1, tokensPerSecond: 1, secondsLeft: 1 };
  expect(afterEvent(INITIAL, step)).toBe(INITIAL);
  const noted = afterEvent(INITIAL, { kind: 'note', text: 'n' });
  expect(afterEvent(noted, { kind: 'note', text: 'n' })).toBe(noted);
});

/** What of the settings a link holds: a tiny base's. */
const { loss: _, accumulation: __, ...linked } = form;

describe('a link repeats a run', () => {
  test('there and back, with the score and without votes or texts', () => {
    const state = { ...full(true), seed: 7, mine: { 1: 'a', 2: 'a', 3: 'b' } as State['mine'] };
    const link = runLink(state, 'https://a.b/c?engine=webgpu');
    expect(link).toBe(
      'https://a.b/c#votes=made-up&seed=7&epochs=1&batch=8&rate=0.002&rank=16&first=1&tokens=384&judge=2&you=1',
    );
    expect(challengeOf(new URL(link).hash)).toEqual({ seed: 7, form: linked, judge: 2, person: 1 });
  });

  test('the person is left out until they have voted on all', () => {
    expect(runLink(full(true), 'https://a.b/')).not.toContain('you=');
  });

  test.each([
    ['', null],
    ['#training', null],
    ['#votes=made-up', { seed: 42, form: {} }],
    ['#votes=made-up&seed=x&epochs=1000&rate=NaN&rank=1.5&judge=11', { seed: 42, form: {} }],
  ])('%s', (hash, expected) => {
    const challenge = challengeOf(hash);
    if (expected === null) expect(challenge).toBeNull();
    else expect(challenge).toEqual({ ...expected, judge: undefined, person: undefined });
  });
});

test.each([
  [0.52, 'Too close to call.'],
  [0.48, 'Too close to call.'],
  [0.6, 'People would rather prefer A.'],
  [0.1, 'People would prefer B.'],
])('P(A) %s: %s', (probability, sentence) => {
  expect(verdict(probability)).toBe(sentence);
});

describe('names of models as people copy them', () => {
  test.each([
    ['google/gemma-3-270m', { id: 'google/gemma-3-270m' }],
    [' https://huggingface.co/google/gemma-2-2b ', { id: 'google/gemma-2-2b' }],
    ['https://huggingface.co/google/gemma-2-2b/tree/main', { id: 'google/gemma-2-2b' }],
    ['https://hf.co/a/b?library=x', { id: 'a/b' }],
    ['https://huggingface.co/a/b/blob/main/m-q8_0.gguf', { id: 'a/b', file: 'm-q8_0.gguf' }],
    ['a/b/m.gguf', { id: 'a/b', file: 'm.gguf' }],
    ['gemma', undefined],
    ['', undefined],
    ['https://huggingface.co/datasets/a/b', undefined],
    ['../etc/passwd', undefined],
  ])('%s', (text, expected) => {
    if (expected) expect(hubName(text)).toEqual(expected);
    else expect(() => hubName(text)).toThrow('is expected');
  });
});

describe('settings that suit a base', () => {
  test('a small real one has the recipe, a battle at a time', () => {
    const { form: small, recipe } = formFor({ hiddenSize: 640, parameters: 268e6 });
    expect(recipe).toBe('small-base');
    expect(small).toEqual({
      ...{ loss: 'bradley-terry', epochs: 1, rank: 16, learningRate: 1e-4, firstLayer: 0, maxTokens: 512 },
      ...{ batchSize: 1, accumulation: 8 },
    });
    const { settings, totalSteps } = settingsOf(small, { base: 'b', hiddenSize: 640, votes: 'v', battles: 1345 });
    expect(totalSteps).toBe(169); // 1,345 battles, 8 a step
    expect(settings).toMatchObject({ loss: 'bradley-terry', accumulation: 8, frame: 'chat' });
  });

  test('a large one has the defaults, a tiny one learns fast', () => {
    expect(formFor({ hiddenSize: 2304, parameters: 2.6e9 })).toEqual({
      form: {
        ...{ loss: 'cross-entropy', epochs: 1, rank: 16, learningRate: 2e-4, firstLayer: 6, maxTokens: 1900 },
        ...{ batchSize: 1, accumulation: 8 },
      },
    });
    expect(formFor({ hiddenSize: 128, parameters: 7e5 }).form).toMatchObject({ learningRate: 2e-3, batchSize: 8 });
  });
});
