/** @file Ten battles of the test part on which a person, the judge and two simple rules compete. */
import type { Battle } from '@arena/data';
import type { Prediction } from '@arena/eval';
import { baselinePredictors } from '@arena/eval/report';
import { meanOfOrders } from '@arena/judge/run';
import type { BattleView, RaceScores } from '../protocol.js';
import type { Votes } from './votes.js';

const COUNT = 10;
/** Longest answer that a person is asked to read, in characters. */
const READABLE = 1500;

/** The first battles of the test part that have a vote; those with short answers before others. */
export function raceBattles({ splits }: Votes): Battle[] {
  const decided = splits.test.filter(({ winner }) => winner === 'a' || winner === 'b');
  const length = ({ prompt, responseA, responseB }: Battle) =>
    Math.max(...[prompt, responseA, responseB].map((turns) => turns.join('\n').length));
  const short = decided.filter((battle) => length(battle) <= READABLE);
  return [...short, ...decided.filter((battle) => !short.includes(battle))].slice(0, COUNT);
}

export function viewOf({ id, prompt, responseA, responseB, winner }: Battle): BattleView {
  return { id, prompt, responseA, responseB, winner };
}

/**
 * P(A) by the judge (the mean of both orders) and by rules that need no model.
 * @param predictions The predictions.jsonl of an evaluation on the test part.
 */
export function raceScores(predictions: string, votes: Votes): RaceScores {
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
