import { type Battle, splitBattles } from '@arena/data';
import { nearDuplicates } from '@arena/data/clean';
import { applySplits, leakReport, SPLIT_NAMES, splitsToFile } from '@arena/data/split';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { battle } from './sample.js';

const many = (count: number, fields: (i: number) => Partial<Battle>): Battle[] =>
  Array.from({ length: count }, (_, row) => battle({ row, ...fields(row) }));
const idsOf = (splits: Record<'train' | 'validation' | 'test', Battle[]>) =>
  SPLIT_NAMES.map((name) => splits[name].map((one) => one.id).sort());

/** Lists of battles with shared prompts and sessions. */
const anyBattles = fc
  .array(
    fc.tuple(
      fc.nat(60),
      fc.option(fc.nat(40), { nil: undefined }),
      fc.constantFrom('a' as const, 'b' as const, 'tie' as const, null),
    ),
    { maxLength: 150 },
  )
  .map((rows) =>
    many(rows.length, (i) => ({
      prompt: [rows[i][0] % 2 ? `Prompt  ${rows[i][0]}` : `prompt ${rows[i][0]}\n`],
      session: rows[i][1] === undefined ? undefined : `s${rows[i][1]}`,
      winner: rows[i][2],
    })),
  );

test('rows within 1 % and labels balanced when prompts differ', () => {
  const battles = many(3000, (i) => ({ winner: i % 5 === 0 ? 'tie' : i % 3 ? 'a' : 'b' }));
  const { report } = splitBattles(battles, { nearDuplicates: 'ignore' });
  expect(report.rows.train / 3000).toBeCloseTo(0.7, 2);
  expect(report.rows.validation / 3000).toBeCloseTo(0.1, 2);
  for (const name of SPLIT_NAMES) {
    for (const label of ['a', 'b', 'tie'] as const) {
      const share = report.labels[name][label] / report.rows[name];
      expect(share).toBeCloseTo(battles.filter((one) => one.winner === label).length / 3000, 2);
    }
  }
});

test('rows within 1 % with groups of many sizes', () => {
  const battles = many(4000, (i) => ({ prompt: [`q ${Math.floor(Math.sqrt(i) * 12)}`], winner: i % 2 ? 'a' : 'b' }));
  const { report } = splitBattles(battles, { seed: 7, nearDuplicates: 'ignore' });
  expect(Math.abs(report.rows.train / 4000 - 0.7)).toBeLessThan(0.01);
  expect(Math.abs(report.rows.validation / 4000 - 0.1)).toBeLessThan(0.01);
  expect(report.leaks).toMatchObject({ exactPrompts: 0, normalizedPrompts: 0, sessions: 0 });
});

test('parts are disjoint by prompt and session, and complete, for any battles', () => {
  fc.assert(
    fc.property(anyBattles, fc.integer(), (battles, seed) => {
      const splits = splitBattles(battles, { seed, nearDuplicates: 'ignore' });
      expect(idsOf(splits).flat().sort()).toEqual(battles.map((one) => one.id).sort());
      expect(splits.report.leaks).toMatchObject({ exactPrompts: 0, normalizedPrompts: 0, sessions: 0 });
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('the order of the battles does not matter', () => {
  const shuffled = anyBattles.chain((battles) =>
    fc.tuple(fc.constant(battles), fc.shuffledSubarray(battles, { minLength: battles.length })),
  );
  fc.assert(
    fc.property(shuffled, fc.constantFrom('ignore' as const, 'group' as const), ([battles, mixed], near) => {
      expect(idsOf(splitBattles(mixed, { nearDuplicates: near }))).toEqual(
        idsOf(splitBattles(battles, { nearDuplicates: near })),
      );
    }),
    { numRuns: 100, seed: 2 },
  );
});

test('another seed, another split; the same seed, the same', () => {
  const battles = many(200, () => ({}));
  const split = (seed: number) => idsOf(splitBattles(battles, { seed, nearDuplicates: 'ignore' }));
  expect(split(1)).toEqual(split(1));
  expect(split(1)).not.toEqual(split(2));
});

test('other ratios, and ratios that are none', () => {
  const battles = many(100, () => ({}));
  expect(splitBattles(battles, { ratio: [1, 0, 0] }).train.length).toBe(100);
  expect(splitBattles(battles, { ratio: [0, 0, 5] }).test.length).toBe(100);
  const { report } = splitBattles(battles, { ratio: [8, 0, 2] });
  expect(report.rows).toEqual({ train: 80, validation: 0, test: 20 });
  expect(() => splitBattles(battles, { ratio: [0, 0, 0] })).toThrow(/ratio/);
  expect(() => splitBattles(battles, { ratio: [1, -1, 1] })).toThrow(/ratio/);
});

describe('near duplicates', () => {
  const text = (i: number) =>
    `Please explain to a child number ${i} how exactly the tide follows the moon, and what a spring tide is.`;
  test('are found, and only those', () => {
    const letters = (i: number) =>
      Array.from({ length: 80 }, (_, k) => String.fromCharCode(97 + ((i * 31 + k * k * (i + 3)) % 26))).join('');
    const texts = [...Array.from({ length: 50 }, (_, i) => letters(i)), text(1), text(2)];
    const found = nearDuplicates(texts);
    expect(found.map(({ a, b }) => [a, b])).toContainEqual([50, 51]);
    for (const { similarity } of found) expect(similarity).toBeGreaterThanOrEqual(0.8);
  });
  test('have the Jaccard similarity of their 5-letter pieces, whatever they share', () => {
    const pieces = (one: string) =>
      new Set(one.length < 5 ? [one] : Array.from({ length: one.length - 4 }, (_, i) => one.slice(i, i + 5)));
    const jaccard = (a: string, b: string) => {
      const [left, right] = [pieces(a), pieces(b)];
      const both = [...left].filter((piece) => right.has(piece)).length;
      return both / (left.size + right.size - both);
    };
    const words = fc.array(fc.constantFrom<string[]>('aa', 'tide', 'moon ', 'спрос', '潮汐', '😀', ' '), {
      maxLength: 40,
    });
    const edited = fc
      .tuple(
        words,
        fc.array(fc.tuple(fc.nat(40), fc.constantFrom<string[]>('', 'x', 'moon moon', 'ab')), { maxLength: 3 }),
      )
      .map(([list, edits]) => [list, edits.reduce((before, [at, put]) => before.toSpliced(at, 1, put), list)])
      .map((both) => both.map((list) => list.join('')));
    let found = 0;
    fc.assert(
      fc.property(edited, ([a, b]) => {
        for (const { similarity } of nearDuplicates([a, b], { threshold: 0.5 })) {
          expect(similarity).toBeCloseTo(jaccard(a, b), 12);
          found++;
        }
      }),
      { numRuns: 500, seed: 3 },
    );
    expect(found).toBeGreaterThan(100);
  });
  test('are reported across parts, and can be kept together', () => {
    const battles = many(60, (i) => ({ prompt: [text(i)] }));
    const reported = splitBattles(battles).report.leaks;
    expect(reported.nearDuplicates).toBeGreaterThan(0);
    expect(reported.examples[0].parts[0]).not.toBe(reported.examples[0].parts[1]);
    expect(splitBattles(battles, { nearDuplicates: 'group' }).report.leaks.nearDuplicates).toBe(0);
  });
});

test('leaks of a split made elsewhere', () => {
  const one = battle({ row: 1, session: 's' });
  const report = leakReport({ train: [one], validation: [], test: [{ ...one, prompt: ['QUESTION  1 '] }] });
  expect(report).toMatchObject({ exactPrompts: 0, normalizedPrompts: 1, sessions: 1, nearDuplicates: 1 });
});

test('saved and read again by id', () => {
  const battles = many(50, () => ({}));
  const splits = splitBattles(battles);
  const file = JSON.parse(JSON.stringify(splitsToFile(splits)));
  expect(idsOf(applySplits([...battles].reverse(), file))).toEqual(idsOf(splits));
  expect(() => applySplits(battles.slice(1), file)).toThrow(/"id0", which is not among the 49/);
  expect(() => applySplits([...battles, battles[0]], file)).toThrow(/two battles have the id/);
  expect(() => applySplits(battles, { ...file, test: [...file.test, file.test[0]] })).toThrow(/twice/);
  expect(() => applySplits(battles, {})).toThrow(/not a saved split/);
  expect(() => applySplits(battles, { ...file, train: null })).toThrow(/no list "train"/);
});
