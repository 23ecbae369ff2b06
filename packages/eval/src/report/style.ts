/** @file How much of a model is style and how much is content: its parts where the shorter answer won. */
import type { Battle } from '../battle.js';
import type { Figure } from '../bootstrap/bootstrap.js';
import type { Clustering } from '../bootstrap/draws.js';
import { credits } from '../metrics/binary.js';
import { longerSide, type Predictor } from './baselines.js';
import { groupShares, plain, wonByLonger } from './length.js';
import type { Section } from './report.js';

/** Accuracy of one predictor: overall, and where people preferred the shorter, or the longer, answer. */
export interface StyleRow {
  name: string;
  accuracy: Figure;
  accuracyWhereShorterWon: Figure;
  accuracyWhereLongerWon: Figure;
}

/** The parts of a model, then the model. */
export interface StyleSection {
  rows: StyleRow[];
}

/** Figures of these predictors. */
export function styleSection(
  predictors: readonly Predictor[],
  battles: readonly Battle[],
  labels: Float64Array,
  clustering: Clustering,
): Section<StyleSection> {
  if (!predictors.length) return { statistics: [], finish: () => ({ rows: [] }) };
  const right = predictors.map(({ probabilities }) => credits(probabilities, labels));
  const overall = groupShares(right, new Int32Array(labels.length), 1, clustering);
  const byWinner = groupShares(right, wonByLonger(longerSide(battles), labels), 2, clustering);
  return {
    statistics: [...overall.statistics, ...byWinner.statistics],
    finish() {
      const [all] = overall.finish();
      const [shorter, longer] = byWinner.finish();
      return {
        rows: predictors.map(({ name }, k) => ({
          name,
          accuracy: plain(all[k]),
          accuracyWhereShorterWon: plain(shorter[k]),
          accuracyWhereLongerWon: plain(longer[k]),
        })),
      };
    },
  };
}
