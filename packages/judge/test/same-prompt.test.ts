/** @file A report counts the leaks that splits and leak reports count: one rule says which prompts are the same. */
import type { Battle } from '@arena/data';
import { leakReport } from '@arena/data/split';
import { evaluationOf } from '@arena/judge/run';
import { expect, test } from 'vitest';

const battle = (id: string, prompt: string): Battle => ({
  id,
  row: Number(id),
  prompt: [prompt],
  responseA: ['yes'],
  responseB: ['no'],
  winner: 'a',
  flags: [],
});

test("a prompt in other letters is seen by the leak report and by an evaluation's", () => {
  // By case, by compatibility form (ﬁ is one letter) and by white space the same; the last is another question.
  const train = [battle('0', 'What is the ﬁrst prime?'), battle('1', 'Name a colour')];
  const unseen = [
    battle('2', 'WHAT IS THE FIRST  PRIME?'),
    battle('3', 'what is the first prime?'),
    battle('4', 'Why?'),
  ];
  const leaks = leakReport({ train, validation: [], test: unseen });
  expect([leaks.exactPrompts, leaks.normalizedPrompts]).toEqual([0, 1]);

  const predictions = unseen.map(({ id }) => ({ id, probabilityA: 0.7 }));
  const { data, slices } = evaluationOf({ predictions, battles: unseen, train, title: 'Test', seed: 0 }).report;
  expect(data).toMatchObject({ prompts: 2, promptsSeenInTraining: 2 }); // two battles, of the one leaking prompt
  const seen = slices.dimensions.find(({ name }) => name === 'prompt in training split')!;
  expect(seen.slices.map(({ value, prompts }) => [value, prompts])).toEqual([
    ['yes', 1],
    ['no', 1],
  ]);
});
