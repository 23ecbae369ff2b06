/** @file The shipped JSON schema against real reports, by an independent validator. */
import { readFileSync } from 'node:fs';
import { evaluate, type Report, renderReport } from '@arena/eval';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { predict, randomBattles } from './battles.js';

const schema = JSON.parse(readFileSync(new URL('../schema/report.schema.json', import.meta.url), 'utf8'));
const validate = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, allowUnionTypes: true }).compile(
  schema,
);
const rounds = { bootstrapRounds: 50 };
const check = (report: Report) => {
  validate(JSON.parse(renderReport(report, 'json')));
  return validate.errors ?? [];
};

const battles = randomBattles(120, 61).map((item, i) => ({ ...item, category: i % 2 ? 'math' : 'code' }));
const train = randomBattles(80, 62, 'train');
const both = predict(battles, 63).map((item) => ({ ...item, probabilityASwapped: item.probabilityA / 2 }));
const validation = { battles: train, predictions: predict(train, 64) };
const full = evaluate(both, battles, { ...rounds, train, validation });

test('full, bare, one-sided, tied and empty reports are valid', () => {
  expect(check(full)).toEqual([]);
  expect(check(evaluate(predict(battles, 65), battles, rounds))).toEqual([]);
  const plain = battles.map(({ id, prompt, responseA, responseB }) => ({
    id,
    prompt,
    responseA,
    responseB,
    winner: 'a' as const,
  }));
  expect(check(evaluate(predict(plain, 66), plain, rounds))).toEqual([]);
  const tied = plain.map((item) => ({ ...item, winner: 'tie' as const }));
  expect(check(evaluate(predict(tied, 67), tied, { ...rounds, ties: 'half' }))).toEqual([]);
  expect(check(evaluate([], [], rounds))).toEqual([]);
  expect(check(evaluate(predict(battles.slice(0, 1), 68), battles.slice(0, 1), rounds))).toEqual([]);
});

test('what is missing, unknown or of another type is not', () => {
  const broken = (change: (report: Record<string, unknown>) => void) => {
    const copy = JSON.parse(JSON.stringify(full));
    change(copy);
    validate(copy);
    return validate.errors?.map(({ instancePath, keyword }) => `${instancePath} ${keyword}`) ?? [];
  };
  expect(broken((report) => delete report.verdict)).toEqual([' required']);
  expect(broken((report) => (report.extra = 1))).toEqual([' additionalProperties']);
  expect(broken((report) => (report.version = 2))).toEqual(['/version const']);
  expect(broken((report) => ((report.predictors as Report['predictors'])[1].accuracy.n = -1))).toEqual([
    '/predictors/1/accuracy/n minimum',
  ]);
});
