/** @file What becomes of the base's linears, by setting and by what the base is. */
import { completeSettings } from '@arena/judge';
import { cardOf } from '@arena/judge/card';
import { objectiveOf } from '@arena/judge/run';
import { expect, test } from 'vitest';
import { quantizationOf } from '../src/card.js';

const given = { base: 'b', data: ['d'] };
const cardFor = (quantize: 'auto' | 'nf4' | 'none' | 'stored', stored: 'float' | '4bit' | 'blocks') => {
  const settings = completeSettings({ ...given, quantize });
  return cardOf(objectiveOf(settings), { name: 'b', stored }, settings);
};

test.each([
  ['auto', 'float', { doubleQuant: true }, { doubleQuant: true }],
  ['auto', '4bit', 'stored', undefined],
  ['auto', 'blocks', 'stored', undefined],
  ['nf4', 'blocks', { doubleQuant: true }, { doubleQuant: true }],
  ['none', 'float', null, 'none'],
  ['none', 'blocks', null, 'none'],
  ['none', '4bit', null, undefined], // stays in 4 bits, as before
  ['stored', 'float', 'stored', undefined],
] as const)('%s on a base in %s', (quantize, stored, said, loaded) => {
  const card = cardFor(quantize, stored);
  expect(card.quantization).toEqual(said);
  expect(quantizationOf(card, { stored })).toEqual(loaded);
});

test('the booleans of earlier versions', () => {
  expect(completeSettings({ ...given, quantize: true }).quantize).toBe('auto');
  expect(completeSettings({ ...given, quantize: false }).quantize).toBe('none');
  expect(completeSettings(given).quantize).toBe('auto');
});
