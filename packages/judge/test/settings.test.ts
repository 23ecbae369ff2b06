/** @file Settings: defaults, checks and the published schema, which are read from one table. */
import { readFileSync } from 'node:fs';
import { completeSettings, DEFAULT_SETTINGS, type GivenSettings, JudgeError, settingsSchema } from '@arena/judge';
import { checkSettings } from '@arena/judge/settings';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';

const FILE = new URL('../schema/settings.schema.json', import.meta.url);
const validate = new Ajv2020({ allErrors: true, strict: true }).compile(JSON.parse(readFileSync(FILE, 'utf8')));
const GIVEN: GivenSettings = { base: 'google/gemma-2-2b', data: ['votes.parquet'] };

test('the shipped schema is that of the table (`pnpm schema` writes it anew)', () => {
  expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(settingsSchema());
});

test('what a run needs is enough, and everything else has the default of the reference recipe', () => {
  const settings = completeSettings(GIVEN);
  checkSettings(settings);
  expect(validate(GIVEN)).toBe(true);
  expect(validate(settings)).toBe(true);
  expect(settings).toEqual({ ...DEFAULT_SETTINGS, ...GIVEN });
  expect(Object.keys(completeSettings({ seed: 7, ...GIVEN })).slice(0, 3)).toEqual(['seed', 'base', 'data']);
});

/** Settings that are wrong by themselves. The schema and the checks refuse them alike. */
const WRONG: [string, Partial<Record<keyof GivenSettings, unknown>>, string][] = [
  ['a number below its bound', { maxTokens: 15 }, '`maxTokens` is 15: a whole number from 16 is expected'],
  ['a number above its bound', { dropout: 1 }, '`dropout` is 1: a number from 0 to 0.99 is expected'],
  ['a number with a fraction', { rank: 1.5 }, '`rank` is 1.5: a whole number from 1 is expected'],
  ['a word of another list', { frame: 'verse' }, "`frame` is \"verse\": 'chat' or 'compact' is expected"],
  ['a text for a list', { targets: 'q_proj' }, '`targets` is "q_proj": a list of words is expected'],
  ['a word for a switch', { doubleQuant: 'yes' }, '`doubleQuant` is "yes": true or false is expected'],
  [
    'another way to quantise',
    { quantize: 'int8' },
    "`quantize` is \"int8\": 'auto' or 'nf4' or 'none' or 'stored' is expected",
  ],
  ['a reason that is none', { clean: { boring: 'drop' } }, '`clean` is {"boring":"drop"}: an object of unlabeled'],
  ['an action that is none', { clean: { duplicate: 'burn' } }, '`clean` is {"duplicate":"burn"}'],
  ['a setting that is none', { rnak: 4 } as object, "there is no setting 'rnak'"],
];

test.each(WRONG)('%s is refused, by the schema too', (_, wrong, message) => {
  const settings = completeSettings({ ...GIVEN, ...(wrong as object) });
  expect(() => checkSettings(settings)).toThrow(JudgeError);
  expect(() => checkSettings(settings)).toThrow(message);
  expect(validate(settings)).toBe(false);
});

test.each<[Partial<GivenSettings>, string]>([
  [{ warmup: 1.5 }, '`warmup` 1.5: a share of all steps below 1, or a whole number of steps, is expected'],
  [{ evalEvery: 1.5 }, '`evalEvery` 1.5: a share of all steps below 1, or a whole number of steps, is expected'],
  [{ patience: 2 }, '`patience` needs `evalEvery`'],
  [{ loss: 'bradley-terry', classes: 3 }, '`classes` 3 is for cross entropy'],
  [{ loss: 'bradley-terry', swapAugment: true }, '`swapAugment` changes nothing with `loss` bradley-terry'],
  [{ clean: { unlabeled: 'keep' } }, '`clean` unlabeled=keep: there is nothing to learn'],
])('settings that contradict each other are refused: %o', (wrong, message) => {
  expect(() => checkSettings(completeSettings({ ...GIVEN, ...wrong }))).toThrow(message);
});
