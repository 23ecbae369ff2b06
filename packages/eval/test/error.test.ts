/** @file One bad input for each code of an EvaluationInputError. */
import { EvaluationInputError, evaluate, parsePredictions } from '@arena/eval';
import { expect, test } from 'vitest';
import { battle } from './battles.js';

const battles = [battle('1', 'P', 'long answer', 'short', 'a')];
const predictions = [{ id: '1', probabilityA: 0.8 }];

test.each<[EvaluationInputError['code'], () => unknown]>([
  ['battle', () => evaluate(predictions, [...battles, ...battles])],
  ['prediction', () => evaluate([{ id: '1', probabilityA: 2 }], battles)],
  ['format', () => parsePredictions('id,probability_a\n1,"0.8', 'csv')],
  ['argument', () => evaluate(predictions, battles, { bootstrapRounds: 0 })],
])('%s', (code, run) => {
  expect(run).toThrow(EvaluationInputError);
  expect(run).toThrow(expect.objectContaining({ name: 'EvaluationInputError', code }));
});
