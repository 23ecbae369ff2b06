/** @file What a judge is worth: the report, and its place in the race. The Worker loads this when a judge is there. */
import type { Prediction } from '@arena/eval';
import { baselinePredictors } from '@arena/eval/report';
import { DEFAULT_SETTINGS, evaluateJudge, type Judge } from '@arena/judge';
import { meanOfOrders } from '@arena/judge/run';
import type { Evaluated, Event, RaceScores } from '../protocol.js';
import { raceBattles } from './race.js';
import type { Votes } from './votes.js';

/** Scores the test part, makes the report, and lets the judge race. */
export async function reportOn(
  judge: Judge,
  votes: Votes,
  title: string,
  tell: (event: Event) => void,
  signal: AbortSignal,
): Promise<Evaluated> {
  const onProgress = (done: number, total: number) =>
    tell({ kind: 'progress', label: 'scoring votes it has not seen', done, total });
  const { seed } = DEFAULT_SETTINGS;
  const { files, report, table } = await evaluateJudge(judge, votes.splits, { title, seed, onProgress, signal });
  const scores = report.predictors.flatMap(({ name, accuracy: { value, low, high } }) =>
    value === null ? [] : [{ name, accuracy: value, low, high }],
  );
  const sentence = table.trimEnd().split('\n').at(-1)!;
  return { html: files['report.html'], scores, sentence, race: raceScores(files['predictions.jsonl'], votes) };
}

/**
 * P(A) by the judge (the mean of both orders) and by rules that need no model.
 * @param predictions The predictions.jsonl of an evaluation on the test part.
 */
function raceScores(predictions: string, votes: Votes): RaceScores {
  const battles = raceBattles(votes);
  const rules = baselinePredictors(battles, votes.splits.train, 0);
  const rule = (name: string) => [...(rules.find((one) => one.name === name)?.probabilities ?? battles.map(() => 0.5))];
  const lines = predictions
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Prediction);
  const said = new Map(lines.map((one) => [one.id, meanOfOrders(one)]));
  return { judge: battles.map(({ id }) => said.get(id)!), longer: rule('always-longer'), words: rule('tf-idf') };
}
