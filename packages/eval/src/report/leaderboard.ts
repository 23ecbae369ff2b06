/**
 * @file Ratings of the answering models from people's votes and from predicted ones: does the model give the same
 * ranking?
 */
import type { Battle } from '../battle.js';
import { bootstrapFigure, type Figure } from '../bootstrap/bootstrap.js';
import { type Clustering, countOf, type Draws, type Statistic } from '../bootstrap/draws.js';
import {
  bradleyTerry,
  centred,
  fitPairs,
  gatherVotes,
  linksOf,
  modelsOf,
  ratingOf,
  type Vote,
} from '../metrics/bradley-terry.js';
import { fitLogistic, sparseRows } from '../metrics/logistic.js';
import { kendallTauB, spearman } from '../metrics/ranking.js';
import { columnScales, STYLE_FEATURES, styleDifferences } from '../style/features.js';
import type { Section } from './report.js';

/**
 * Bradley-Terry ratings: mean 1000, 400 points are odds of ten to one. `spearman` and `kendall` (tau-b) compare
 * people's ratings with the predicted ones; null with several groups. Intervals come from `rounds` bootstrap rounds: at
 * most 200, none beyond 120 models, and none for a rating that the votes leave open.
 */
export interface LeaderboardSection {
  /** Models by group, then by people's rating, best first. */
  models: {
    name: string;
    /** Models of one group have met, directly or by others; mean 1000 in each. From 1. */
    group: number;
    /** Whether people's votes leave the rating open: the model never lost, or never won. */
    open: boolean;
    battles: number;
    people: Figure;
    predicted: Figure;
    /** People's rating, controlled for style. */
    styleControlled: number;
  }[];
  spearman: Figure;
  kendall: Figure;
  /** Groups of models that never met: their ratings cannot be held against each other. */
  groups: number;
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
/** An interval of rating points below this is rounding of equal draws. */
const NO_WIDTH = 1e-6;

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
  const { groups } = linksOf(peopleVotes.pairs, names.length);
  const predictedVotes = gatherVotes(predicted, names);
  const ratings = ({ pairs, pairOf, shareOf }: typeof peopleVotes, draws: Draws, lane: number) => {
    const drawn = pairs.map(({ a, b }) => ({ a, b, n: 0, winsA: 0 }));
    for (let k = 0; k < rows.length; k++) {
      const count = countOf(draws, clusterOf[rows[k]], lane);
      const pair = drawn[pairOf[k]];
      pair.n += count;
      pair.winsA += count * shareOf[k];
    }
    return fitPairs(drawn, groups, C).map(ratingOf);
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
        groups,
      );
      const count = new Map<string, number>();
      for (const [a, b] of people) for (const name of [a, b]) count.set(name, (count.get(name) ?? 0) + 1);
      const figure = (value: number, k: number, all: readonly number[][], open: readonly boolean[]) => {
        const samples = open[k] ? [] : all.map((ratings) => ratings[k]);
        const interval = bootstrapFigure(value, samples, count.get(names[k])!);
        // votes that are all alike draw the same rating each time, which says nothing of its error
        const isAlike = interval.high! - interval.low! < NO_WIDTH;
        return isAlike ? bootstrapFigure(value, [], interval.n) : interval;
      };
      const models = names.map((name, k) => ({
        name,
        group: groups[k] + 1,
        open: peopleFit.open[k],
        battles: count.get(name)!,
        people: figure(peopleFit.ratings[k], k, samples.people, peopleFit.open),
        predicted: figure(predictedFit.ratings[k], k, samples.predicted, predictedFit.open),
        styleControlled: controlled[k],
      }));
      const several = groups.some((group) => group > 0);
      const [rho, tau] = several ? [null, null] : agreement(peopleFit.ratings, predictedFit.ratings);
      return {
        models: models.sort(
          (a, b) => a.group - b.group || b.people.value! - a.people.value! || (a.name < b.name ? -1 : 1),
        ),
        spearman: bootstrapFigure(rho, samples.spearman, names.length),
        kendall: bootstrapFigure(tau, samples.kendall, names.length),
        groups: Math.max(...groups) + 1,
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
function styleControlled(
  battles: readonly Battle[],
  votes: readonly Vote[],
  names: readonly string[],
  groups: readonly number[],
): number[] {
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
  return centred(fit.coefficients, groups).map(ratingOf);
}
