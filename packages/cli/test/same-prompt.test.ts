/** @file A report counts the leaks that splits and leak reports count: one rule says which prompts are the same. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Battle, leakReport } from '@arena/data';
import type { Report } from '@arena/eval';
import { expect, onTestFinished, test } from 'vitest';
import { writeResults } from '../src/run/results.js';

const battle = (id: string, prompt: string): Battle => ({
  id,
  row: Number(id),
  prompt: [prompt],
  responseA: ['yes'],
  responseB: ['no'],
  winner: 'a',
  flags: [],
});

test("a prompt in other letters is seen by the leak report and by an evaluation's", async () => {
  // By case, by compatibility form (ﬁ is one letter) and by white space the same; the last is another question.
  const train = [battle('0', 'What is the ﬁrst prime?'), battle('1', 'Name a colour')];
  const unseen = [
    battle('2', 'WHAT IS THE FIRST  PRIME?'),
    battle('3', 'what is the first prime?'),
    battle('4', 'Why?'),
  ];
  const leaks = leakReport({ train, validation: [], test: unseen });
  expect([leaks.exactPrompts, leaks.normalizedPrompts]).toEqual([0, 1]);

  const out = await mkdtemp(join(tmpdir(), 'same-prompt-'));
  onTestFinished(() => rm(out, { recursive: true }));
  const predictions = unseen.map(({ id }) => ({ id, probabilityA: 0.7 }));
  await writeResults(out, { predictions, battles: unseen, train, title: 'Test', seed: 0 });
  const { data, slices } = JSON.parse(await readFile(join(out, 'metrics.json'), 'utf8')) as Report;
  expect(data).toMatchObject({ prompts: 2, promptsSeenInTraining: 2 }); // two battles, of the one leaking prompt
  const seen = slices.dimensions.find(({ name }) => name === 'prompt in training split')!;
  expect(seen.slices.map(({ value, prompts }) => [value, prompts])).toEqual([
    ['yes', 1],
    ['no', 1],
  ]);
});
