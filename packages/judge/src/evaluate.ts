/** @file Evaluates a judge on the parts of a data set: scores and reports test, and scores validation. */
import type { Battle } from '@arena/data';
import type { Judge } from './open.js';
import { type Evaluation, evaluationOf } from './results.js';
import type { VoteParts } from './votes.js';

/** Options of an evaluation. */
export interface EvaluateJudgeOptions {
  title: string;
  /** Seed of the bootstrap. */
  seed: number;
  /** Called with the number of scored texts of validation and test, each battle in both orders. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Scores validation and test in both orders, and evaluates. It fits baselines on the train part and the temperature on
 * validation, if they have battles.
 * @example
 * const { report, table } = await evaluateJudge(judge, parts, { title: 'A judge', seed: 42 });
 */
export async function evaluateJudge(
  judge: Pick<Judge, 'predictMany'>,
  { train, validation, test }: VoteParts,
  { title, seed, onProgress, signal }: EvaluateJudgeOptions,
): Promise<Evaluation> {
  const total = 2 * (validation.length + test.length);
  const score = (battles: Battle[], before: number) =>
    judge.predictMany(battles, { signal, onProgress: (done) => onProgress?.(before + done, total) });
  const held = validation.length ? { predictions: await score(validation, 0), battles: validation } : undefined;
  const predictions = await score(test, 2 * validation.length);
  return evaluationOf({
    predictions,
    battles: test,
    train: train.length ? train : undefined,
    validation: held,
    title,
    seed,
  });
}
