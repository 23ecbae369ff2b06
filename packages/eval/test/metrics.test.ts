import { readFileSync } from 'node:fs';
import * as metrics from '@arena/eval/metrics';
import { describe, expect, test } from 'vitest';

// biome-ignore lint/suspicious/noExplicitAny: fixtures are read as they are
const read = (file: string): any =>
  JSON.parse(readFileSync(new URL(`./fixtures/${file}.json`, import.meta.url), 'utf8'));

/** Cases of a file with their names. */
// biome-ignore lint/suspicious/noExplicitAny: fixtures are read as they are
const named = (file: string): [string, any][] => read(file).map((item: { name: string }) => [item.name, item]);

/** |got - want| <= rtol * |want|; null only for null. */
function near(got: number | null, want: number | null, rtol = 1e-12, atol = 1e-13, name = '') {
  if (want === null || got === null) expect(got, name).toBe(want);
  else if (!(Math.abs(got - want) <= atol + rtol * Math.abs(want))) expect.fail(`${name}: ${got} instead of ${want}`);
}

describe.each(named('binary'))('binary %s', (_, item) => {
  const { p, y, expected, temperature } = item;
  test('scores', () => {
    near(metrics.accuracy(p, y), expected.accuracy);
    near(metrics.logLoss(p, y), expected.log_loss);
    near(metrics.brier(p, y), expected.brier);
    near(metrics.rocAuc(p, y), expected.roc_auc);
    near(metrics.averagePrecision(p, y), expected.average_precision);
    near(metrics.f1Score(p, y), expected.f1);
    near(metrics.matthewsCorrelation(p, y), expected.mcc);
    expect(metrics.confusion(p, y)).toEqual(expected.confusion);
  });
  test('calibration', () => {
    near(metrics.calibrationError(p, y), expected.ece15);
    near(metrics.maximumCalibrationError(p, y), expected.mce15);
    const top = metrics.topLabel(p, y);
    near(metrics.calibrationError(top.p, top.y), expected.ece15_top_label);
    for (const [rows, want] of [
      [metrics.reliability(p, y), expected.reliability],
      [metrics.reliability(top.p, top.y), expected.reliability_top_label],
    ] as const) {
      expect(rows.map(({ bin, n }) => [bin, n])).toEqual(want.map(([bin, n]: number[]) => [bin, n]));
      for (const [i, row] of rows.entries()) {
        near(row.meanProbability, want[i][2]);
        near(row.rate, want[i][3]);
      }
    }
  });
  if (!temperature) return;
  test('temperature', () => {
    const got = metrics.fitTemperature(p, y)!;
    expect(got.atBound).toBe(temperature.at_bound);
    near(got.nllBefore, temperature.nll_before);
    if (temperature.at_bound) return;
    near(got.temperature, temperature.temperature, 1e-4);
    near(got.nllAfter, temperature.nll_after);
  });
});

test('half a label is half an example of each class', () => {
  const p = [0.9, 0.2, 0.6, 0.6];
  const y = [1, 0, 0.5, 0.5];
  const wholeP = [0.9, 0.2, 0.6, 0.6, 0.9, 0.2, 0.6, 0.6];
  const wholeY = [1, 0, 1, 1, 1, 0, 0, 0];
  const { accuracy, logLoss, brier, rocAuc, calibrationError, averagePrecision } = metrics;
  for (const metric of [accuracy, logLoss, brier, rocAuc, calibrationError, averagePrecision]) {
    near(metric(p, y), metric(wholeP, wholeY), 1e-12, 0, metric.name);
  }
});

test.each(named('multiclass'))('multiclass %s', (_, item) => {
  const { probs, y, expected } = item;
  near(metrics.multiclassAccuracy(probs, y), expected.accuracy);
  near(metrics.multiclassLogLoss(probs, y), expected.log_loss);
  near(metrics.multiclassBrier(probs, y), expected.brier_sum);
  near(metrics.macroF1(probs, y), expected.macro_f1);
  near(metrics.multiclassCalibrationError(probs, y), expected.ece15_top_label);
  expect(metrics.multiclassConfusion(probs, y)).toEqual(expected.confusion);
});

test('McNemar and Wilson', () => {
  const { mcnemar, wilson } = read('tests');
  for (const { b, c, exact_two_sided_p, chi2_continuity, chi2_p } of mcnemar) {
    const got = metrics.mcnemar(b, c);
    near(got.exactP, exact_two_sided_p, 1e-12, 0);
    near(got.chi2, chi2_continuity, 1e-12, 0);
    near(got.chi2P, chi2_p, 1e-12, 0);
  }
  for (const { k, n, confidence, interval } of wilson) {
    const got = metrics.wilsonInterval(k, n, confidence)!;
    near(got[0], interval[0]);
    near(got[1], interval[1]);
  }
  expect(metrics.wilsonInterval(0, 0)).toBeNull();
});

test('rank correlations', () => {
  for (const { name, x, y, kendall_tau_b, spearman, pearson } of read('ranking')) {
    near(metrics.kendallTauB(x, y), kendall_tau_b, 1e-12, 1e-13, name);
    near(metrics.spearman(x, y), spearman, 1e-12, 1e-13, name);
    near(metrics.pearson(x, y), pearson, 1e-12, 1e-13, name);
  }
  expect(metrics.spearman([1], [2])).toBeNull();
});

test.each(named('bradley_terry'))('Bradley-Terry %s', (_, item) => {
  const { battles, C, expected } = item;
  const got = metrics.bradleyTerry(battles, { models: expected.models, C });
  for (const [i, want] of expected.coefficients.entries()) near(got.coefficients[i], want, 0, 1e-5);
  for (const [i, want] of expected.ratings.entries()) near(got.ratings[i], want, 0, 0.01);
  near(got.logLikelihood, expected.log_likelihood, 1e-9); // the peer's solver stops at 1e-10 of the minimum
});

test('Bradley-Terry says when votes leave a gap open', () => {
  expect(metrics.bradleyTerry([['x', 'y', 'a']], { C: 1 }).finite).toBe(false);
  expect(metrics.bradleyTerry([['x', 'y', 'tie']]).finite).toBe(true);
  expect(metrics.bradleyTerry([]).ratings).toEqual([]);
  expect(() => metrics.bradleyTerry([['x', 'x', 'a']])).toThrow(/vote 1/);
});

test('Bradley-Terry rates groups that never met apart, without a ridge too', () => {
  // 2 wins to 1 and 3 to 1: gaps of ln 2 and ln 3, around 0 in each group
  const wins = (a: string, b: string, won: number) => [
    ...Array.from({ length: won }, () => [a, b, 'a'] as const),
    [a, b, 'b'] as const,
  ];
  const got = metrics.bradleyTerry([...wins('a', 'b', 2), ...wins('c', 'd', 3)]);
  const want = [Math.log(2) / 2, -Math.log(2) / 2, Math.log(3) / 2, -Math.log(3) / 2];
  for (const [i, value] of want.entries()) near(got.coefficients[i], value, 0, 1e-6);
  expect(got).toMatchObject({ groups: [0, 0, 1, 1], open: [false, false, false, false], finite: false });
});

test('order swap', () => {
  for (const { p_ab, p_ba, swap_consistency, first_position_rate, mean_abs_gap, averaged } of read('swap')) {
    const got = metrics.swapAgreement(p_ab, p_ba);
    near(got.consistency, swap_consistency);
    near(got.firstPositionRate, first_position_rate);
    near(got.meanGap, mean_abs_gap);
    for (const [i, want] of averaged.entries()) near(got.averaged[i], want);
  }
});

test('logistic regression with weights, soft labels and ridge is where its slopes vanish', () => {
  // scikit-learn's C = 1 case of Bradley-Terry as a plain regression, ties as two rows of weight one half.
  const { battles, expected } = read('bradley_terry').find((item: { name: string }) => item.name === 'ridge_C1');
  const rows: [number, number][][] = [];
  const y: number[] = [];
  const weights: number[] = [];
  for (const [a, b, winner] of battles) {
    for (const [label, weight] of winner === 'tie'
      ? [
          [1, 0.5],
          [0, 0.5],
        ]
      : [[winner === 'a' ? 1 : 0, 1]]) {
      rows.push([
        [expected.models.indexOf(a), 1],
        [expected.models.indexOf(b), -1],
      ]);
      y.push(label);
      weights.push(weight);
    }
  }
  const fit = metrics.fitLogistic(metrics.sparseRows(rows, expected.models.length), y, {
    C: 1,
    intercept: false,
    weights,
  });
  expect(fit.converged).toBe(true);
  for (const [i, want] of expected.coefficients.entries()) near(fit.coefficients[i], want, 0, 1e-5);
});
