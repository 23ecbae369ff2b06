/**
 * @file Ratings of the answering models from people's votes and from predicted ones: does the model give the same
 * ranking?
 */
import type { Battle } from '../battle.js';
import { bootstrapFigure, type Figure } from '../bootstrap/bootstrap.js';
import { type Clustering, countOf, type Draws, type Statistic } from '../bootstrap/draws.js';
import { bradleyTerry, fitPairs, gatherVotes, modelsOf, ratingOf, type Vote } from '../metrics/bradley-terry.js';
import { fitLogistic, sparseRows } from '../metrics/logistic.js';
import { kendallTauB, spearman } from '../metrics/ranking.js';
import { columnScales, STYLE_FEATURES, styleDifferences } from '../style/features.js';
import type { Section } from './report.js';

/**
 * Bradley-Terry ratings: mean 1000, 400 points are odds of ten to one. `spearman` and `kendall` (tau-b) compare
 * people's ratings with the predicted ones. Intervals come from `rounds` bootstrap rounds: at most 200, none beyond 120
 * models.
 */
export interface LeaderboardSection {
  /** Models by people's rating, best first. */
  models: {
    name: string;
    battles: number;
    people: Figure;
    predicted: Figure;
    /** People's rating, controlled for style. */
    styleControlled: number;
  }[];
  spearman: Figure;
  kendall: Figure;
  /** Battles between two different named models. */
  n: number;
  rounds: number;
  /** Whether people's votes alone fix every gap. */
  finite: boolean;
  note: string;
}

/** Ridge of the ratings: negligible with many votes, it keeps unbeaten models finite. */
const C = 10;
/** Bootstrap rounds for ratings, and most models for a bootstrap of ratings. */
const MOST_ROUNDS = 200;
const MOST_MODELS = 120;

/** Ratings, or null without named models. Predicted votes are the picks p >= 1/2. */
export function leaderboardSection(
  battles: readonly Battle[],
  labels: Float64Array,
  p: Float64Array,
  { clusterOf, rounds }: Clustering,
): Section<LeaderboardSection | null> {
  const rows = battles.flatMap(({ modelA, modelB }, i) => (modelA && modelB && modelA !== modelB ? [i] : []));
  if (rows.length === 0) return { statistics: [], finish: () => null };
  const people = rows.map((i): Vote => [battles[i].modelA!, battles[i].modelB!, labels[i]]);
  const predicted = rows.map((i): Vote => [battles[i].modelA!, battles[i].modelB!, p[i] >= 0.5 ? 1 : 0]);
  const names = modelsOf(people);
  const used = names.length > MOST_MODELS ? 0 : Math.min(rounds, MOST_ROUNDS);
  const samples = {
    people: [] as number[][],
    predicted: [] as number[][],
    spearman: [] as number[],
    kendall: [] as number[],
  };

  const agreement = (x: number[], y: number[]) => [spearman(x, y), kendallTauB(x, y)] as const;
  const peopleVotes = gatherVotes(people, names);
  const predictedVotes = gatherVotes(predicted, names);
  const ratings = ({ pairs, pairOf, shareOf }: typeof peopleVotes, draws: Draws, lane: number) => {
    const drawn = pairs.map(({ a, b }) => ({ a, b, n: 0, winsA: 0 }));
    for (let k = 0; k < rows.length; k++) {
      const count = countOf(draws, clusterOf[rows[k]], lane);
      const pair = drawn[pairOf[k]];
      pair.n += count;
      pair.winsA += count * shareOf[k];
    }
    return fitPairs(drawn, names.length, C).map(ratingOf);
  };
  const bootstrap: Statistic = {
    draw(draws) {
      for (let lane = 0; lane < draws.rounds && draws.round + lane < used; lane++) {
        const x = ratings(peopleVotes, draws, lane);
        const y = ratings(predictedVotes, draws, lane);
        const [rho, tau] = agreement(x, y);
        samples.people.push(x);
        samples.predicted.push(y);
        samples.spearman.push(rho ?? Number.NaN);
        samples.kendall.push(tau ?? Number.NaN);
      }
    },
  };
  return {
    statistics: [bootstrap],
    finish() {
      const peopleFit = bradleyTerry(people, { models: names, C });
      const predictedFit = bradleyTerry(predicted, { models: names, C });
      const controlled = styleControlled(
        rows.map((i) => battles[i]),
        people,
        names,
      );
      const count = new Map<string, number>();
      for (const [a, b] of people) for (const name of [a, b]) count.set(name, (count.get(name) ?? 0) + 1);
      const figure = (value: number, k: number, all: readonly number[][]) =>
        bootstrapFigure(
          value,
          all.map((ratings) => ratings[k]),
          count.get(names[k])!,
        );
      const models = names.map((name, k) => ({
        name,
        battles: count.get(name)!,
        people: figure(peopleFit.ratings[k], k, samples.people),
        predicted: figure(predictedFit.ratings[k], k, samples.predicted),
        styleControlled: controlled[k],
      }));
      const [rho, tau] = agreement(peopleFit.ratings, predictedFit.ratings);
      return {
        models: models.sort((a, b) => b.people.value! - a.people.value! || (a.name < b.name ? -1 : 1)),
        spearman: bootstrapFigure(rho, samples.spearman, names.length),
        kendall: bootstrapFigure(tau, samples.kendall, names.length),
        n: rows.length,
        rounds: used,
        finite: peopleFit.finite,
        note:
          `Bradley-Terry with a weak ridge (C = ${C}); mean 1000, 400 points are odds of ten to one; predicted votes are ` +
          `the picks. Intervals from ${used} bootstrap rounds by prompt. Style control adds differences of ` +
          `${STYLE_FEATURES.join(', ')}.`,
      };
    },
  };
}

/** Ratings from a regression on the models and the style differences together. */
function styleControlled(battles: readonly Battle[], votes: readonly Vote[], names: readonly string[]): number[] {
  const index = new Map(names.map((name, k) => [name, k]));
  const style = styleDifferences(battles);
  const scales = columnScales(style, STYLE_FEATURES.length);
  const rows = votes.map(([a, b], i) => [
    [index.get(a)!, 1] as const,
    [index.get(b)!, -1] as const,
    ...style[i].map((value, k) => [names.length + k, value / scales[k]] as const),
  ]);
  const shares = votes.map(([, , share]) => share as number);
  const x = sparseRows(rows, names.length + STYLE_FEATURES.length);
  const fit = fitLogistic(x, shares, { C, intercept: false, tolerance: 1e-7 });
  const strengths = Array.from(fit.coefficients.subarray(0, names.length));
  const centre = strengths.reduce((a, b) => a + b, 0) / names.length;
  return strengths.map((value) => ratingOf(value - centre));
}
