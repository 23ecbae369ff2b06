/** @file Area metrics: every figure against scikit-learn, scipy and the formulas that case.json states. */
import * as metrics from '@arena/eval/metrics';
import { type Case, type Check, compare, readJson, same, type Tolerance } from './case.js';

/** A figure, or null where it is undefined. */
type Figure = number | null;

export async function metricsCase(one: Case): Promise<Check[]> {
  const files: Record<string, (one: Case, file: string) => Promise<Check[]>> = {
    'binary.json': binary,
    'multiclass.json': multiclass,
    'tests.json': significance,
    'ranking.json': ranking,
    'bradley_terry.json': bradleyTerry,
    'swap.json': swap,
  };
  const checks: Check[] = [];
  for (const file of one.json.files as string[]) {
    const run = files[file];
    if (!run) throw new Error(`no runner knows the file ${file}`);
    checks.push(...(await run(one, file)));
  }
  return checks;
}

/** The tolerance under a key; the general one where the case has none of its own. */
function toleranceFor({ json }: Case, key = 'all'): Tolerance & Record<string, number> {
  const stated = json.tolerance as Record<string, Tolerance & Record<string, number>>;
  // Sums of doubles in another order: figures that are exactly zero in the reference come out as rounding.
  return { atol: 1e-13, ...(stated[key] ?? stated.all) };
}

function figure(name: string, got: Figure, want: Figure, tolerance: Tolerance): Check {
  if (got === null || want === null) return same(name, got, want);
  return compare(name, [got], [want], tolerance);
}

interface Binary {
  name: string;
  p: number[];
  y: number[];
  expected: Record<string, Figure> & {
    confusion: number[][];
    reliability: [number, number, number, number][];
    reliability_top_label: [number, number, number, number][];
  };
  temperature?: { at_bound: boolean; temperature: number; nll_before: number; nll_after: number };
}

async function binary(one: Case, file: string): Promise<Check[]> {
  const tolerance = toleranceFor(one);
  return (await readJson<Binary[]>(one, file)).flatMap(({ name, p, y, expected, temperature }) => {
    const top = metrics.topLabel(p, y);
    const figures: [string, Figure, Figure][] = [
      ['accuracy', metrics.accuracy(p, y), expected.accuracy],
      ['log loss', metrics.logLoss(p, y), expected.log_loss],
      ['Brier', metrics.brier(p, y), expected.brier],
      ['ROC AUC', metrics.rocAuc(p, y), expected.roc_auc],
      ['average precision', metrics.averagePrecision(p, y), expected.average_precision],
      ['F1', metrics.f1Score(p, y), expected.f1],
      ['MCC', metrics.matthewsCorrelation(p, y), expected.mcc],
      ['ECE', metrics.calibrationError(p, y), expected.ece15],
      ['MCE', metrics.maximumCalibrationError(p, y), expected.mce15],
      ['ECE of the top label', metrics.calibrationError(top.p, top.y), expected.ece15_top_label],
    ];
    const checks = figures.map(([what, got, want]) => figure(`${name}: ${what}`, got, want, tolerance));
    checks.push(same(`${name}: confusion`, metrics.confusion(p, y), expected.confusion));
    const tables = [
      ['reliability', metrics.reliability(p, y), expected.reliability],
      ['reliability of the top label', metrics.reliability(top.p, top.y), expected.reliability_top_label],
    ] as const;
    for (const [what, rows, want] of tables) {
      const got = rows.flatMap(({ bin, n, meanProbability, rate }) => [bin, n, meanProbability, rate]);
      checks.push(compare(`${name}: ${what}`, got as number[], want.flat(), tolerance));
    }
    return temperature ? [...checks, ...temperatureChecks(one, name, p, y, temperature)] : checks;
  });
}

function temperatureChecks(
  one: Case,
  name: string,
  p: number[],
  y: number[],
  want: NonNullable<Binary['temperature']>,
): Check[] {
  const got = metrics.fitTemperature(p, y);
  if (!got) return [{ name: `${name}: temperature is not given`, error: Infinity }];
  const tolerance = toleranceFor(one, 'temperature');
  const checks = [
    same(`${name}: temperature at a bound`, got.atBound, want.at_bound),
    figure(`${name}: loss before`, got.nllBefore, want.nll_before, toleranceFor(one)),
  ];
  if (want.at_bound) return checks;
  return [
    ...checks,
    figure(`${name}: temperature`, got.temperature, want.temperature, { rtol: tolerance.rtol }),
    figure(`${name}: loss after`, got.nllAfter, want.nll_after, { rtol: tolerance.nll_after }),
  ];
}

async function multiclass(one: Case, file: string): Promise<Check[]> {
  interface Row {
    name: string;
    probs: number[][];
    y: number[];
    expected: Record<string, Figure> & { confusion: number[][] };
  }
  return (await readJson<Row[]>(one, file)).flatMap(({ name, probs, y, expected }) => {
    const figures: [string, Figure, Figure][] = [
      ['accuracy', metrics.multiclassAccuracy(probs, y), expected.accuracy],
      ['log loss', metrics.multiclassLogLoss(probs, y), expected.log_loss],
      ['Brier', metrics.multiclassBrier(probs, y), expected.brier_sum],
      ['macro F1', metrics.macroF1(probs, y), expected.macro_f1],
      ['ECE', metrics.multiclassCalibrationError(probs, y), expected.ece15_top_label],
    ];
    const checks = figures.map(([what, got, want]) =>
      figure(`multiclass ${name}: ${what}`, got, want, toleranceFor(one)),
    );
    return [
      ...checks,
      same(`multiclass ${name}: confusion`, metrics.multiclassConfusion(probs, y), expected.confusion),
    ];
  });
}

async function significance(one: Case, file: string): Promise<Check[]> {
  interface Tests {
    mcnemar: { b: number; c: number; exact_two_sided_p: Figure; chi2_continuity: Figure; chi2_p: Figure }[];
    wilson: { k: number; n: number; confidence: number; interval: [number, number] }[];
  }
  const { mcnemar, wilson } = await readJson<Tests>(one, file);
  const tolerance = { ...toleranceFor(one, 'mcnemar'), atol: 0 };
  return [
    ...mcnemar.flatMap(({ b, c, exact_two_sided_p, chi2_continuity, chi2_p }) => {
      const got = metrics.mcnemar(b, c);
      return [
        figure(`McNemar ${b}/${c}: exact p`, got.exactP, exact_two_sided_p, tolerance),
        figure(`McNemar ${b}/${c}: chi2`, got.chi2, chi2_continuity, tolerance),
        figure(`McNemar ${b}/${c}: chi2 p`, got.chi2P, chi2_p, tolerance),
      ];
    }),
    ...wilson.map(({ k, n, confidence, interval }) =>
      compare(`Wilson ${k}/${n}`, metrics.wilsonInterval(k, n, confidence) ?? [], interval, toleranceFor(one)),
    ),
  ];
}

async function ranking(one: Case, file: string): Promise<Check[]> {
  type Row = { name: string; x: number[]; y: number[]; kendall_tau_b: Figure; spearman: Figure; pearson: Figure };
  return (await readJson<Row[]>(one, file)).flatMap(({ name, x, y, kendall_tau_b, spearman, pearson }) => [
    figure(`ranking ${name}: Kendall`, metrics.kendallTauB(x, y), kendall_tau_b, toleranceFor(one)),
    figure(`ranking ${name}: Spearman`, metrics.spearman(x, y), spearman, toleranceFor(one)),
    figure(`ranking ${name}: Pearson`, metrics.pearson(x, y), pearson, toleranceFor(one)),
  ]);
}

async function bradleyTerry(one: Case, file: string): Promise<Check[]> {
  interface Row {
    name: string;
    battles: metrics.Vote[];
    C?: number;
    expected: { models: string[]; coefficients: number[]; ratings: number[]; log_likelihood: number };
  }
  return (await readJson<Row[]>(one, file)).flatMap(({ name, battles, C, expected }) => {
    const got = metrics.bradleyTerry(battles, { models: expected.models, C });
    const coefficients = toleranceFor(one, 'coefficients');
    return [
      compare(`Bradley-Terry ${name}: coefficients`, got.coefficients, expected.coefficients, coefficients),
      compare(`Bradley-Terry ${name}: ratings`, got.ratings, expected.ratings, toleranceFor(one, 'ratings')),
      compare(`Bradley-Terry ${name}: likelihood`, [got.logLikelihood], [expected.log_likelihood], toleranceFor(one)),
    ];
  });
}

async function swap(one: Case, file: string): Promise<Check[]> {
  interface Row {
    p_ab: number[];
    p_ba: number[];
    swap_consistency: Figure;
    first_position_rate: Figure;
    mean_abs_gap: Figure;
    averaged: number[];
  }
  return (await readJson<Row[]>(one, file)).flatMap((row, i) => {
    const got = metrics.swapAgreement(row.p_ab, row.p_ba);
    return [
      figure(`swap ${i}: consistency`, got.consistency, row.swap_consistency, toleranceFor(one)),
      figure(`swap ${i}: first position`, got.firstPositionRate, row.first_position_rate, toleranceFor(one)),
      figure(`swap ${i}: gap`, got.meanGap, row.mean_abs_gap, toleranceFor(one)),
      compare(`swap ${i}: averaged`, got.averaged, row.averaged, toleranceFor(one)),
    ];
  });
}
