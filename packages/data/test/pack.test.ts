import { readFileSync } from 'node:fs';
import {
  answerPacker,
  batches,
  COMPACT_ANSWER_FRAME,
  COMPACT_FRAME,
  type Frame,
  GEMMA_FRAME,
  type PackOptions,
} from '@arena/data';
import { checkAnswerFrame, checkFrame, packBattle, survival, TRUNCATIONS } from '@arena/data/pack';
import { loadTokenizer } from '@arena/tokenizer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyBattle, battle, tokenizer } from './sample.js';

const special = (token: string) => tokenizer.tokenToId(token)!;
const long = (word: string, count: number) => [`${word} `.repeat(count).trim()];

test('a battle that fits is the frame and its texts', () => {
  const { ids, cut, label } = packBattle(
    battle({ prompt: ['why?'], responseA: ['yes'], responseB: ['no <eos>'], winner: 'b' }),
    tokenizer,
    { frame: COMPACT_FRAME },
  );
  expect(tokenizer.decode(ids)).toBe('<bos>\nQ: why?\nA: yes\nB: no <eos>\n<eos>');
  expect(ids[0]).toBe(special('<bos>'));
  expect(ids.at(-1)).toBe(special('<eos>'));
  expect([...ids].filter((id) => id === special('<eos>')).length).toBe(1); // the one in the answer is text
  expect(label).toBe(1);
  for (const { kept, total } of Object.values(cut)) expect(kept).toBe(total);
});

test('a frame of tokens that the file does not call special: users write none of them', () => {
  const file = JSON.parse(
    readFileSync(new URL('../../tokenizer/test/fixtures/turn-tokens.json', import.meta.url), 'utf8'),
  );
  const text = JSON.stringify(file.tokenizer)
    .replaceAll('<start_of_turn>', '[INST]')
    .replaceAll('<end_of_turn>', '[/INST]');
  const plain = JSON.parse(text) as { added_tokens: object[] };
  const one = loadTokenizer({
    ...plain,
    added_tokens: plain.added_tokens.map((token) => ({ ...token, special: false })),
  });
  const frame = { ...COMPACT_FRAME, start: '[INST]', end: '[/INST]' };
  const { ids } = packBattle(
    battle({ prompt: ['why?[/INST]'], responseA: ['[INST]yes[/INST]'], responseB: ['[/INST'] }),
    one,
    { frame },
  );
  const turns = ['[INST]', '[/INST]'].map((token) => one.tokenToId(token)!);
  expect([...ids].filter((id) => turns.includes(id))).toEqual(turns);
  expect(one.decode(ids)).toBe('[INST]\nQ: why?[/INST]\nA: [INST]yes[/INST]\nB: [/INST[/INST]');
});

test('special tokens in the texts can be let through', () => {
  const { ids } = packBattle(battle({ responseB: ['<eos>'] }), tokenizer, {
    frame: COMPACT_FRAME,
    neutralizeSpecialTokens: false,
  });
  expect([...ids].filter((id) => id === special('<eos>')).length).toBe(2);
});

test('a long answer gives way, a short one stays whole', () => {
  const options: PackOptions = { frame: COMPACT_FRAME, maxTokens: 120 };
  const { ids, cut } = packBattle(
    battle({ prompt: ['why'], responseA: ['no'], responseB: long('river', 500) }),
    tokenizer,
    options,
  );
  expect(ids.length).toBeLessThanOrEqual(120);
  expect(ids.length).toBeGreaterThan(110); // what prompt and A do not need goes to B
  expect(cut.prompt.kept).toBe(cut.prompt.total);
  expect(cut.responseA.kept).toBe(cut.responseA.total);
  expect(cut.responseB.total).toBeGreaterThan(490);
  expect(tokenizer.decode(ids)).toMatch(/^<bos>\nQ: why\nA: no\nB: river.* \[\.\.\.\] .*river\n<eos>$/s);
});

test('shares hold when everything is too long', () => {
  const fields = { prompt: long('why', 400), responseA: long('yes', 400), responseB: long('no', 400) };
  const { cut } = packBattle(battle(fields), tokenizer, { frame: COMPACT_FRAME, maxTokens: 300 });
  expect(cut.responseA.kept / cut.prompt.kept).toBeGreaterThan(1.5);
  expect(Math.abs(cut.responseA.kept - cut.responseB.kept)).toBeLessThanOrEqual(1);
  const { cut: answers } = packBattle(battle(fields), tokenizer, {
    frame: COMPACT_FRAME,
    maxTokens: 300,
    shares: [0, 0.5, 0.5],
  });
  expect(answers.prompt.kept).toBeLessThan(cut.prompt.kept);
  expect(answers.prompt.kept).toBeGreaterThan(0);
});

test.each([
  ['head+tail', /A: one .* \[\.\.\.\] .* end\n/s],
  ['head', /A: one .* \[\.\.\.\] \nB/s],
  ['tail', /A: {2}\[\.\.\.\] .* end\n/s],
  ['longest-first', /A: one .* \[\.\.\.\] \nB/s],
] as const)('truncation %s', (truncation, pattern) => {
  const answer = [`one ${'river '.repeat(200)} end`];
  const { ids } = packBattle(battle({ responseA: answer }), tokenizer, {
    frame: COMPACT_FRAME,
    maxTokens: 100,
    truncation,
  });
  expect(tokenizer.decode(ids)).toMatch(pattern);
});

test('longest-first cuts the longest only', () => {
  const fields = { prompt: long('why', 60), responseA: long('yes', 500), responseB: long('no', 60) };
  const options = { frame: COMPACT_FRAME, maxTokens: 300, truncation: 'longest-first' as const };
  const { cut } = packBattle(battle(fields), tokenizer, options);
  expect(cut.prompt.kept).toBe(cut.prompt.total);
  expect(cut.responseB.kept).toBe(cut.responseB.total);
  expect(cut.responseA.kept).toBeLessThan(cut.responseA.total);
});

describe('rounds', () => {
  const rounds = (count: number, words: number) =>
    battle({
      prompt: Array.from({ length: count }, (_, r) => `question ${r}`),
      responseA: Array.from({ length: count }, () => 'yes '.repeat(words)),
      responseB: Array.from({ length: count }, () => 'no '.repeat(words)),
    });
  test('all in order when they fit', () => {
    const text = tokenizer.decode(packBattle(rounds(3, 2), tokenizer, { frame: COMPACT_FRAME }).ids);
    expect(text.match(/Q: question \d/g)).toEqual(['Q: question 0', 'Q: question 1', 'Q: question 2']);
    expect(text).not.toContain('[...]');
  });
  test('the last ones whole, one before them cut, the rest left out', () => {
    const { ids, cut } = packBattle(rounds(8, 20), tokenizer, { frame: COMPACT_FRAME, maxTokens: 200 });
    const text = tokenizer.decode(ids);
    expect(text.startsWith('<bos>\n[...]\nQ: ')).toBe(true);
    expect(text).toContain(`Q: question 7\nA: ${'yes '.repeat(20)}\nB: ${'no '.repeat(20)}`);
    expect(text).not.toContain('question 0');
    expect(cut.rounds.total).toBe(8);
    expect(cut.rounds.kept).toBe(text.match(/Q: /g)?.length);
  });
});

const settings = fc.record({
  maxTokens: fc.integer({ min: 110, max: 400 }),
  truncation: fc.constantFrom(...TRUNCATIONS),
  frame: fc.constantFrom(COMPACT_FRAME, GEMMA_FRAME),
  shares: fc.constantFrom<[number, number, number]>([0.2, 0.4, 0.4], [0, 1, 1], [1, 0, 0], [5, 1, 3]),
});

test('any battle: within budget, framed, both answers in, no broken character, no special token of the user', () => {
  fc.assert(
    fc.property(anyBattle, settings, (one, options) => {
      const frame = options.frame as Frame;
      const extra = frame === GEMMA_FRAME ? 250 : 0; // a small vocabulary spells the long frame out
      const { ids, cut } = packBattle(one, tokenizer, { ...options, maxTokens: options.maxTokens + extra });
      expect(ids.length).toBeLessThanOrEqual(options.maxTokens + extra);
      const end = tokenizer.encode(frame.end);
      expect(ids.slice(ids.length - end.length)).toEqual(end);
      expect([...ids].filter((id) => id === special('<bos>')).length).toBe(1);
      expect(ids.length).toBe(ids.findLastIndex((id) => id > 0) + 1);
      const last = one.prompt.length - 1;
      for (const [field, turns] of [
        ['responseA', one.responseA],
        ['responseB', one.responseB],
        ['prompt', one.prompt],
      ] as const) {
        if (turns[last] !== '') expect(cut[field].kept).toBeGreaterThan(0);
        expect(cut[field].kept).toBeLessThanOrEqual(cut[field].total);
      }
      const broken = (text: string) => (text.match(/\ufffd/g) ?? []).length;
      const given = [...one.prompt, ...one.responseA, ...one.responseB].join('');
      expect(broken(tokenizer.decode(ids))).toBeLessThanOrEqual(broken(given));
      const uncut = Object.values(cut).every(({ kept, total }) => kept === total);
      if (uncut) {
        const text =
          frame.start +
          one.prompt
            .map((p, r) => frame.prompt + p + frame.responseA + one.responseA[r] + frame.responseB + one.responseB[r])
            .join('') +
          frame.end;
        expect(tokenizer.decode(ids)).toBe(text.replaceAll('▁', ' '));
      }
    }),
    { numRuns: 600, seed: 4 },
  );
});

test('too small a budget, and bad options', () => {
  expect(() => packBattle(battle(), tokenizer, { maxTokens: 20, frame: COMPACT_FRAME })).toThrow(
    /maxTokens 20 is too small.*take \d+/,
  );
  expect(() => packBattle(battle(), tokenizer, { shares: [0, 0, 0] })).toThrow(/shares/);
  expect(() => packBattle(battle(), tokenizer, { truncation: 'middle' as 'head' })).toThrow(/truncation "middle"/);
  expect(() => checkFrame({ ...COMPACT_FRAME, end: '' })).toThrow(/"end" is empty/);
  expect(() => checkFrame({ start: '' })).toThrow(/no text "prompt"/);
});

test('survival over a set', () => {
  const options = { frame: COMPACT_FRAME, maxTokens: 100 };
  const packed = [battle(), battle({ responseB: long('no', 300) })].map((one) => packBattle(one, tokenizer, options));
  const report = survival(packed);
  expect(report).toMatchObject({ battles: 2, cut: 1, prompt: 1, responseA: 1, rounds: 1 });
  const b = packed.map(({ cut }) => cut.responseB);
  expect(report.responseB).toBe((b[0].kept + b[1].kept) / (b[0].total + b[1].total));
  expect(report.tokens.max).toBe(packed[1].ids.length);
  expect(survival([])).toMatchObject({ battles: 0, responseA: 1, tokens: { mean: 0, max: 0 } });
});

describe('each answer alone with its prompt', () => {
  const frame = COMPACT_ANSWER_FRAME;

  test('two sequences, each framed; a batch has an offset for each', () => {
    const pack = answerPacker(tokenizer, { frame });
    const one = pack(battle({ prompt: ['why?'], responseA: ['yes'], responseB: ['no no'], winner: 'b' }));
    expect(tokenizer.decode(one.ids.subarray(0, one.second))).toBe('<bos>\nQ: why?\nA: yes\n<eos>');
    expect(tokenizer.decode(one.ids.subarray(one.second!))).toBe('<bos>\nQ: why?\nA: no no\n<eos>');
    expect(one.label).toBe(1);
    const two = pack(battle({ row: 1, prompt: ['why?', 'and?'], responseA: ['yes', 'no'], responseB: ['no', 'yes'] }));
    expect(tokenizer.decode(two.ids.subarray(0, two.second))).toBe('<bos>\nQ: why?\nA: yes\nQ: and?\nA: no\n<eos>');
    const [batch] = batches([one, two], { order: 'sequential' });
    const ends = [one.second!, one.ids.length, one.ids.length + two.second!, one.ids.length + two.ids.length];
    expect([...batch.offsets]).toEqual([0, ...ends]);
    expect([...batch.labels]).toEqual([1, 0]);
    expect([...batch.ids.subarray(ends[1], ends[2])]).toEqual([...two.ids.subarray(0, two.second)]);
  });

  test('the budget is for each sequence; a long answer does not cut the other', () => {
    const pack = answerPacker(tokenizer, { frame, maxTokens: 80 });
    const { ids, second, cut } = pack(battle({ prompt: ['why'], responseA: ['no'], responseB: long('river', 300) }));
    expect(second).toBeLessThan(20);
    expect(ids.length - second!).toBeLessThanOrEqual(80);
    expect(cut.responseA.kept).toBe(cut.responseA.total);
    expect(cut.responseB.kept).toBeLessThan(cut.responseB.total);
  });

  test('exchanging the answers exchanges the sequences', () => {
    const pack = answerPacker(tokenizer, { frame, maxTokens: 64 });
    fc.assert(
      fc.property(anyBattle, (one) => {
        const [ab, ba] = [pack(one), pack({ ...one, responseA: one.responseB, responseB: one.responseA })];
        expect(ab.ids.subarray(ab.second)).toEqual(ba.ids.subarray(0, ba.second));
        expect(ab.ids.subarray(0, ab.second)).toEqual(ba.ids.subarray(ba.second));
      }),
      { seed: 3 },
    );
  });

  test('a frame of two answers is refused', () => {
    expect(() => checkAnswerFrame(COMPACT_FRAME)).toThrow('has no text "response"');
    expect(() => answerPacker(tokenizer, { shares: [1, 2, 3] as never })).toThrow('not 2 numbers');
  });
});
