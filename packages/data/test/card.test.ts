import { type Battle, cleanBattles, packer, splitBattles } from '@arena/data';
import { describeBattles, histogram, openDataCard } from '@arena/data/describe';
import { SPLIT_NAMES } from '@arena/data/split';
import { expect, test } from 'vitest';
import { battle, tokenizer } from './sample.js';

test('bins double from the first edge on, and hold every size once', () => {
  expect(histogram([0, 15, 16, 31, 32, 63, 64, 64, 1000])).toEqual({
    edges: [0, 16, 32, 64, 128, 256, 512, 1024],
    counts: [2, 2, 2, 2, 0, 0, 1],
  });
  expect(histogram([])).toEqual({ edges: [0, 16], counts: [0] });
  expect(histogram([1, 2, 3], 2)).toEqual({ edges: [0, 2, 4], counts: [1, 2] });
});

test('languages as labelled and as detected', () => {
  const battles = [
    battle({ row: 0, language: 'English' }),
    battle({ row: 1, language: 'English', prompt: ['да', 'нет'] }),
  ];
  const detectLanguage = (text: string) => (/[а-я]/.test(text) ? 'Cyrillic' : 'Latin');
  const { languages, detectedLanguages } = describeBattles(battles, { detectLanguage });
  expect(languages).toEqual([{ name: 'English', count: 2 }]);
  expect(detectedLanguages).toEqual([
    { name: 'Cyrillic', count: 1 },
    { name: 'Latin', count: 1 },
  ]);
  expect(describeBattles(battles).detectedLanguages).toEqual([]);
});

test('a card adds up', () => {
  const long = 'why is the river blue? '.repeat(200);
  const read: Battle[] = Array.from({ length: 40 }, (_, row) =>
    battle({ row, winner: row % 2 ? 'a' : 'b', responseA: [row === 5 ? long : `yes ${row}`] }),
  );
  read.push(battle({ row: 40, winner: 'tie' }), battle({ row: 41, responseA: ['x'], responseB: ['x'] }));
  const { battles, report: clean } = cleanBattles(read);
  const splits = splitBattles(battles, { seed: 3 });
  const packing = { maxTokens: 200 };
  const pack = packer(tokenizer, packing);
  const packed = {
    train: splits.train.map(pack),
    validation: splits.validation.map(pack),
    test: splits.test.map(pack),
  };
  const rejectedExamples = [{ file: 'f', row: 42, reason: 'bad_json' as const, detail: 'd' }];
  const open = openDataCard();
  for (const name of SPLIT_NAMES) for (const one of splits[name]) open.add(name, one);
  const card = open.finish({
    sources: ['f'],
    rejected: { bad_json: 1 },
    rejectedExamples,
    clean,
    splits,
    packed,
    packing,
  });
  expect(card.reading).toEqual({ battles: 42, rejected: [{ name: 'bad_json', count: 1 }], rejectedExamples });
  expect(card.cleaning.kept).toBe(40);
  expect(card.cleaning.dropped.tie).toEqual({
    count: 1,
    examples: [{ id: 'id40', row: 40, prompt: 'question 40', responseA: 'yes', responseB: 'no' }],
  });
  expect(card.cleaning.dropped.identical?.count).toBe(1);
  const parts = Object.values(card.splits);
  expect(parts.reduce((sum, part) => sum + part.battles, 0)).toBe(40);
  expect(parts.reduce((sum, part) => sum + part.survival.cut, 0)).toBe(1);
  for (const part of parts) expect(part.tokens.counts.reduce((a, b) => a + b)).toBe(part.battles);
  expect(card.characters.responseA.counts.reduce((a, b) => a + b)).toBe(40);
  expect(card.characters.responseA.edges.at(-1)).toBe(8192);
  expect(card.fits[0]).toEqual({ tokens: 256, share: 39 / 40 });
  expect(card.fits.at(-1)!.share).toBe(1);
  expect(JSON.parse(JSON.stringify(card))).toEqual(card);
});
