/** @file A trained model on the parts of a data set: test scored and reported, validation beside it. */
import type { Battle, SplitName } from '@arena/data';
import { progress } from '../progress.js';
import { writeResults } from './results.js';
import { type Scorer, scoreBattles } from './scoring.js';

export interface PartsEvaluation {
  out: string;
  title: string;
  seed: number;
  signal?: AbortSignal;
}

/**
 * Scores validation and test in both orders, writes the files of an evaluation to `out` and gives the table for the terminal.
 * Baselines are fitted on the train part and the temperature on validation, where they hold battles.
 */
export async function evaluateParts(
  trained: Scorer,
  { train, validation, test }: Record<SplitName, Battle[]>,
  { out, title, seed, signal }: PartsEvaluation,
): Promise<string> {
  const bar = progress({ label: 'scoring', total: 2 * (validation.length + test.length), unit: 'texts' });
  const score = (battles: Battle[], before: number) =>
    scoreBattles(trained, battles, { signal, onProgress: (done) => bar.update(before + done) });
  const held = validation.length ? { predictions: await score(validation, 0), battles: validation } : undefined;
  const predictions = await score(test, 2 * validation.length);
  bar.finish();
  const { table } = await writeResults(out, {
    predictions,
    battles: test,
    train: train.length ? train : undefined,
    validation: held,
    title,
    seed,
  });
  return table;
}
