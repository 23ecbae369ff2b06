/** @file A run's line of the .jsonl, from the report, the predictions and the log that its folder holds. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promptKey } from '@arena/data/clean';
import { evaluate } from '@arena/eval';
import { cascadeCurve } from '@arena/eval/metrics';

/** Names of the report's predictors that are baselines of the table. */
const IN_REPORT = { longer: 'always-longer', style: 'style', words: 'tf-idf' };

/** Figures of predictions in a folder with metrics.json, validation.json and predictions.jsonl. */
export async function figuresOf(folder, parts, sources) {
  const read = async (name) => JSON.parse(await readFile(join(folder, name), 'utf8'));
  const [judged, heldRaw, raw] = await Promise.all([
    read('metrics.json'),
    readLines(join(folder, 'validation-predictions.jsonl')),
    readLines(join(folder, 'predictions.jsonl')),
  ]);
  // the run itself is its margin; what the style adds to it stands beside
  const [predictions, validation] = [raw, heldRaw].map((lines) => lines.map(marginOf));
  const report = evaluate(predictions, parts.test, {
    train: parts.train,
    validation: { predictions: validation, battles: parts.validation },
    seed: 42,
    promptKey,
  });
  const held = evaluate(validation, parts.validation, { seed: 42, promptKey });
  const { temperature, after } = report.calibration;
  const byId = new Map(predictions.map((one) => [one.id, one]));
  const accuracyOf = (battles) => {
    const own = evaluate(
      battles.map(({ id }) => byId.get(id)),
      battles,
      { bootstrapRounds: 1, promptKey },
    );
    const [longer] = own.predictors.filter(({ name }) => name === 'always-longer');
    return {
      n: battles.length,
      accuracy: rounded(own.predictors[0].accuracy.value),
      longer: rounded(longer.accuracy.value),
    };
  };
  const slices = (keyOf) => Object.fromEntries(groups(parts.test, keyOf).map(([key, own]) => [key, accuracyOf(own)]));
  const swap = report.swap && {
    consistency: triple(report.swap.consistency),
    firstPosition: triple(report.swap.firstPositionRate),
  };
  return {
    validation: scores(held, 'model'),
    test: {
      ...scores(report, 'model'),
      temperature: rounded(temperature?.temperature),
      tempered: after && { logLoss: rounded(after.logLoss), ece: rounded(after.ece) },
      whereShorterWon: triple(report.length.accuracyWhereShorterWon),
      ...(swap ? { swap } : {}),
    },
    ...(swap
      ? { bothOrders: { validation: scores(held, 'model, both orders'), test: scores(report, 'model, both orders') } }
      : {}),
    ...(await styleFigures(folder, judged)),
    bySource: slices(({ id }) => sources.get(id)),
    byLanguage: slices(({ language }) => language),
  };
}

/** What a judge gives on the test part when another is asked where it is not certain. */
export async function cascadeWith(folder, other, { test }) {
  const [first, second] = await Promise.all(
    [folder, other].map(async (one) => {
      const lines = (await readLines(join(one, 'predictions.jsonl'))).map(marginOf);
      const said = new Map(lines.map(({ id, probabilityA }) => [id, probabilityA]));
      return test.map(({ id }) => said.get(id));
    }),
  );
  const labels = test.map(({ winner }) => (winner === 'a' ? 1 : 0));
  return cascadeCurve(first, second, labels).map(({ share, within, accuracy, logLoss }) =>
    [share, within, accuracy, logLoss].map(rounded),
  );
}

/** A prediction of the margin alone. */
function marginOf({ rawProbabilityA, rawProbabilityASwapped, ...rest }) {
  return {
    ...rest,
    ...(rawProbabilityA === undefined ? {} : { probabilityA: rawProbabilityA }),
    ...(rawProbabilityASwapped === undefined ? {} : { probabilityASwapped: rawProbabilityASwapped }),
  };
}

/** What arena.json says of the style, and the test part's figures of the judge with it, and of the stack in any case. */
async function styleFigures(folder, report) {
  const path = join(folder, 'adapter', 'arena.json');
  const { style } = existsSync(path) ? JSON.parse(await readFile(path, 'utf8')) : {};
  if (!style) return {};
  const { kept, a, b, tried } = style;
  const has = (name) => report.predictors.some((one) => one.name === name);
  return {
    style: {
      kept,
      a: rounded(a),
      b: rounded(b),
      tried: tried.map(({ name, logLoss }) => [name, rounded(logLoss)]),
      test: scores(report, 'model'),
      ...(has('both') ? { both: scores(report, 'both') } : {}),
    },
  };
}

/** Figures of a baseline that the report fits on the training part. */
export function baselineFigures(name, parts, sources) {
  const seen = (battles, rounds) => {
    const even = battles.map(({ id }) => ({ id, probabilityA: 0.5 }));
    return evaluate(even, battles, { train: parts.train, seed: 42, promptKey, bootstrapRounds: rounds });
  };
  const slices = (keyOf) =>
    Object.fromEntries(
      groups(parts.test, keyOf).map(([key, own]) => {
        const { predictors } = seen(own, 1);
        const accuracy = (which) => rounded(predictors.find((one) => one.name === which).accuracy.value);
        return [key, { n: own.length, accuracy: accuracy(IN_REPORT[name]), longer: accuracy('always-longer') }];
      }),
    );
  return {
    validation: scores(seen(parts.validation, 2000), IN_REPORT[name]),
    test: scores(seen(parts.test, 2000), IN_REPORT[name]),
    bySource: slices(({ id }) => sources.get(id)),
    byLanguage: slices(({ language }) => language),
  };
}

/** The step whose weights a run of `arena train` or of the peer ended with, and its last. */
export async function stepsOf(folder) {
  const log = await readLines(join(folder, 'log.jsonl'));
  const measured = log.filter((entry) => entry.eval_loss !== undefined);
  const best = measured.reduce((least, one) => (least && least.eval_loss <= one.eval_loss ? least : one), undefined);
  return {
    steps: log.at(-1).step,
    bestStep: best?.step,
    measured: measured.map(({ step, eval_loss, eval_accuracy }) => [step, rounded(eval_loss), rounded(eval_accuracy)]),
  };
}

export async function readLines(path) {
  if (!existsSync(path)) return [];
  const lines = (await readFile(path, 'utf8')).split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

/** Value, lower and upper end of its 95 % interval over prompts; ECE, Brier. */
function scores({ predictors, data }, name) {
  const { accuracy, logLoss, ece, brier } = predictors.find((one) => one.name === name);
  return {
    n: data.n,
    prompts: data.prompts,
    accuracy: triple(accuracy),
    logLoss: triple(logLoss),
    ece: triple(ece),
    brier: triple(brier),
  };
}

function triple({ value, low, high }) {
  return [value, low, high].map(rounded);
}

function rounded(value) {
  return typeof value === 'number' ? Math.round(1e4 * value) / 1e4 : value;
}

function groups(battles, keyOf) {
  const table = new Map();
  for (const battle of battles)
    table.set(keyOf(battle) ?? 'none', [...(table.get(keyOf(battle) ?? 'none') ?? []), battle]);
  return [...table].sort(([a], [b]) => (a < b ? -1 : 1));
}
