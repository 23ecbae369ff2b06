import { type Battle, compareRuns, EvaluationInputError, evaluate, type Prediction } from '@arena/eval';
import { clusteredMean, fitTemperature, mcnemar, riskCoverage } from '@arena/eval/metrics';
import { baselinePredictors, type PromptKey, scriptOf } from '@arena/eval/report';
import { styleCounts } from '@arena/eval/style';
import { describe, expect, test } from 'vitest';
import { battle, generator, predict, randomBattles } from './battles.js';

const rounds = { bootstrapRounds: 200 };

test('accuracy, log loss and the rest of a case worked by hand', () => {
  // Prompts P (two battles) and Q; A longer, equal, B longer; votes a, b, a.
  const battles = [
    battle('1', 'P', 'long answer', 'short', 'a'),
    battle('2', 'P', 'same', 'size', 'b'),
    battle('3', 'Q', 'x', 'longest', 'a'),
  ];
  const predictions = [
    { id: '3', probabilityA: 0.25 },
    { id: '1', probabilityA: 0.8 },
    { id: '2', probabilityA: 0.5 },
  ];
  const report = evaluate(predictions, battles, rounds);
  const [model, longer, majority] = report.predictors;
  expect(model.accuracy.value).toBeCloseTo(1 / 3, 12);
  expect(model.logLoss.value).toBeCloseTo(-(Math.log(0.8) + Math.log(0.5) + Math.log(0.25)) / 3, 12);
  expect(model.brier.value).toBeCloseTo((0.04 + 0.25 + 0.5625) / 3, 12);
  expect(model.auc.value).toBe(0.5); // 0.8 above 0.5, 0.25 below it
  expect(longer).toMatchObject({ name: 'always-longer', accuracy: { value: 1 / 3, n: 3 }, logLoss: { value: null } });
  expect(majority).toMatchObject({ name: 'majority', accuracy: { value: 2 / 3 } });
  expect(report.data).toMatchObject({ n: 3, prompts: 2, wonByA: 2, wonByB: 1, train: null });
  expect(report.length.peoplePickLonger).toMatchObject({ value: 0.5, n: 2 });
  expect(report.length.modelPicksLonger).toMatchObject({ value: 1, n: 2, interval: 'wilson' });
  expect(report.length.accuracyWhereShorterWon).toMatchObject({ value: 0, n: 1 });
  expect(report.length.accuracyWhereLongerWon).toMatchObject({ value: 1, n: 1 });
  expect(report.comparisons[0].mcnemar).toEqual(mcnemar(0, 0));
  expect(report.examples.worst.map(({ id }) => id)).toEqual(['3', '2', '1']);
  expect(report.examples.leastCertain[0].id).toBe('2');
});

test('what counts as the same prompt is a rule that is handed in', () => {
  const battles = [battle('1', 'Why?', 'a', 'b', 'a'), battle('2', 'why?', 'a', 'b', 'a')];
  const train = [battle('3', 'WHY?', 'a', 'b', 'a')];
  const predictions = predict(battles, 70);
  const count = (promptKey?: PromptKey) => {
    const { prompts, promptsSeenInTraining } = evaluate(predictions, battles, { ...rounds, train, promptKey }).data;
    const runs = ['x', 'y'].map((name) => ({ name, predictions }));
    expect(compareRuns(runs, battles, { ...rounds, promptKey }).data.prompts).toBe(prompts);
    return [prompts, promptsSeenInTraining];
  };
  expect(count()).toEqual([2, 0]);
  expect(count(({ prompt }) => prompt.join().toLowerCase())).toEqual([1, 2]);
});

test('a report is plain JSON, equal for equal input and seed, and of another seed differs', () => {
  const battles = randomBattles(120, 1);
  const predictions = predict(battles, 2);
  const make = (seed: number) =>
    evaluate(predictions, battles, { ...rounds, train: randomBattles(60, 3, 'train'), seed });
  const report = make(1);
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  expect(make(1)).toEqual(report);
  expect(make(2).predictors[0].accuracy).not.toEqual(report.predictors[0].accuracy);
  expect(make(2).predictors[0].accuracy.value).toBe(report.predictors[0].accuracy.value);
});

test('baselines learn from the training split and from nothing else', () => {
  const train = randomBattles(300, 5, 'train');
  const test = randomBattles(400, 6);
  const before = baselinePredictors(test, train);
  const relabelled = test.map((item): Battle => ({ ...item, winner: item.winner === 'a' ? 'b' : 'a' }));
  expect(baselinePredictors(relabelled, train)).toEqual(before);
  expect(before.map(({ name }) => name)).toEqual(['always-longer', 'majority', 'style', 'tf-idf']);
  // randomBattles prefers the longer answer and the word "good": the fitted ones must find that.
  const accuracy = before.map(
    ({ probabilities }) =>
      test.filter(({ winner }, i) => winner === (probabilities[i] >= 0.5 ? 'a' : 'b')).length / test.length,
  );
  expect(accuracy[0]).toBeGreaterThan(0.6);
  expect(accuracy[2]).toBeGreaterThan(0.6);
  expect(accuracy[3]).toBeGreaterThan(0.65);
  // Always-longer's confidence is the smoothed share of training battles that the longer won.
  const counted = train.filter(({ responseA, responseB }) => responseA[0].length !== responseB[0].length);
  const wins = counted.filter(
    ({ responseA, responseB, winner }) => responseA[0].length > responseB[0].length === (winner === 'a'),
  );
  const p = (wins.length + 1) / (counted.length + 2);
  const first = test.findIndex(({ responseA, responseB }) => responseA[0].length > responseB[0].length);
  expect(before[0].probabilities[first]).toBeCloseTo(p, 12);
});

test('both orders: consistency, first position, averaging', () => {
  const battles = randomBattles(50, 8);
  // The predictor picks whatever is shown first.
  const predictions = battles.map(({ id }): Prediction => ({ id, probabilityA: 0.9, probabilityASwapped: 0.1 }));
  const { swap, predictors } = evaluate(predictions, battles, rounds);
  expect(swap).toMatchObject({ n: 50, consistency: { value: 0 }, firstPositionRate: { value: 1 } });
  expect(swap!.meanGap.value).toBeCloseTo(0.8, 12);
  expect(predictors[1].name).toBe('model, both orders');
  expect(predictors[1].logLoss.value).toBeCloseTo(Math.LN2, 12);
});

test('temperature comes from the validation split only', () => {
  const battles = randomBattles(60, 9);
  const validation = randomBattles(70, 10, 'validation');
  const predictions = predict(validation, 11);
  const report = evaluate(predict(battles, 12), battles, {
    ...rounds,
    validation: { battles: validation, predictions },
  });
  const p = validation.map(({ id }) => predictions.find((item) => item.id === id)!.probabilityA);
  const want = fitTemperature(
    p,
    validation.map(({ winner }) => (winner === 'a' ? 1 : 0)),
  )!;
  expect(report.calibration.temperature).toEqual({ ...want, validationN: 70 });
  expect(report.calibration.after).not.toBeNull();
  expect(evaluate(predict(battles, 12), battles, rounds).calibration).toMatchObject({ temperature: null, after: null });
});

test('ties are left out or count half', () => {
  const battles = [
    battle('1', 'P', 'aa', 'b', 'a'),
    battle('2', 'Q', 'aa', 'b', 'tie'),
    battle('3', 'R', 'aa', 'b', null),
  ];
  const predictions = battles.map(({ id }) => ({ id, probabilityA: 0.75 }));
  const dropped = evaluate(predictions, battles, rounds);
  expect(dropped.data).toMatchObject({ battles: 3, n: 1, ties: 1, unlabelled: 1 });
  const half = evaluate(predictions, battles, { ...rounds, ties: 'half' });
  expect(half.predictors[0].accuracy).toMatchObject({ value: 0.75, n: 2 });
  expect(half.predictors[0].logLoss.value).toBeCloseTo(-(Math.log(0.75) * 1.5 + Math.log(0.25) * 0.5) / 2, 12);
  expect(half.notes.join()).toContain('1 tie counts as half a win for each side: any pick earns half on it.');
});

test('slices, seen prompts, leaderboard', () => {
  const battles = randomBattles(400, 13);
  const train = [...randomBattles(50, 14, 'train'), { ...battles[0], id: 'leak' }];
  const report = evaluate(predict(battles, 15), battles, { ...rounds, train });
  expect(report.data.promptsSeenInTraining).toBeGreaterThan(0);
  expect(report.notes.join()).toContain('a leak');
  const names = report.slices.dimensions.map(({ name }) => name);
  expect(names).toEqual([
    'language (labelled)',
    'script of the prompt',
    'turns',
    'text shortened',
    'model pair',
    'prompt in training split',
  ]);
  for (const { slices } of report.slices.dimensions) {
    expect(slices.reduce((sum, { accuracy }) => sum + accuracy.n, 0)).toBe(400);
    const right = slices.reduce((sum, { accuracy }) => sum + accuracy.value! * accuracy.n, 0);
    expect(right / 400).toBeCloseTo(report.predictors[0].accuracy.value!, 12);
  }
  const board = report.leaderboard!;
  expect(board.models.length).toBe(4);
  expect(board.models.reduce((sum, { people }) => sum + people.value!, 0) / 4).toBeCloseTo(1000, 6);
  expect(board.n).toBe(400);
  for (const { people } of board.models)
    expect(people.low! <= people.value! && people.value! <= people.high!).toBe(true);
});

test('categories are a slice where battles have them', () => {
  const battles = randomBattles(60, 41).map((item, i) => ({
    ...item,
    category: i % 3 ? 'math' : i % 2 ? null : 'code',
  }));
  const { dimensions } = evaluate(predict(battles, 42), battles, rounds).slices;
  const { slices } = dimensions.find(({ name }) => name === 'category')!;
  expect(slices.map(({ value, accuracy }) => [value, accuracy.n])).toEqual([
    ['math', 40],
    ['code', 10],
  ]);
  const without = evaluate(predict(battles, 42), randomBattles(60, 41), rounds).slices.dimensions;
  expect(without.map(({ name }) => name)).not.toContain('category');
});

test('two hundred model pairs are shown as twenty slices that add up', () => {
  const battles = randomBattles(300, 16).map((item, i) => ({ ...item, modelA: `m${i % 25}`, modelB: `n${i % 8}` }));
  const { slices } = evaluate(predict(battles, 17), battles, rounds).slices.dimensions.find(
    ({ name }) => name === 'model pair',
  )!;
  expect(slices.length).toBe(20);
  expect(slices[19].value).toBe('181 others');
  expect(slices.reduce((sum, { accuracy }) => sum + accuracy.n, 0)).toBe(300);
});

describe('odd sizes', () => {
  test('no battles, one battle, one class', () => {
    const none = evaluate([], [], rounds);
    expect(none.predictors[0].accuracy).toEqual({ value: null, low: null, high: null, n: 0, interval: null });
    expect(none.notes[0]).toContain('no figure has a value');
    const one = evaluate([{ id: '1', probabilityA: 1 }], [battle('1', 'P', 'a', 'b', 'a')], rounds);
    expect(one.predictors[0].accuracy).toMatchObject({ value: 1, interval: 'wilson' });
    expect(one.predictors[0].logLoss).toMatchObject({ low: null, interval: null });
    expect(one.notes.join()).toContain('All 1 battles were won by A');
    const battles = randomBattles(30, 18).map((item): Battle => ({ ...item, winner: 'b' }));
    const single = evaluate(predict(battles, 19), battles, rounds);
    expect(single.predictors[0].auc).toMatchObject({ value: null, low: null });
    expect(JSON.parse(JSON.stringify(single))).toEqual(single);
    const ties = evaluate(
      predict(battles, 19),
      battles.map((item) => ({ ...item, winner: 'tie' as const })),
      rounds,
    );
    expect(ties.data).toMatchObject({ n: 0, ties: 30 });
  });
});

describe('bad input is refused by row', () => {
  const battles = [battle('x', 'P', 'a', 'b', 'a'), battle('y', 'Q', 'a', 'b', 'b')];
  const good = [
    { id: 'x', probabilityA: 0.5 },
    { id: 'y', probabilityA: 0.5 },
  ];
  test.each<[string, unknown, unknown, RegExp]>([
    [
      'NaN',
      [good[0], { id: 'y', probabilityA: Number.NaN }],
      battles,
      /prediction row 2 \(id "y"\): probabilityA is NaN/,
    ],
    ['above 1', [{ id: 'x', probabilityA: 1.01 }, good[1]], battles, /row 1 .*1\.01; expected a number from 0 to 1/],
    ['text', [{ id: 'x', probabilityA: '0.5' }, good[1]], battles, /probabilityA is "0.5"/],
    ['missing', [good[0]], battles, /battle row 2 \(id "y"\): it has no prediction/],
    ['twice', [...good, good[0]], battles, /prediction row 3 \(id "x"\): the id was given before/],
    ['another file', [...good, { id: 'z', probabilityA: 0 }], battles, /row 3 \(id "z"\): no battle has this id/],
    [
      'one order on some',
      [{ ...good[0], probabilityASwapped: 0.5 }, good[1]],
      battles,
      /row 2 .*on all rows or on none/,
    ],
    ['bad other order', good.map((row) => ({ ...row, probabilityASwapped: 7 })), battles, /probabilityASwapped is 7/],
    ['battle twice', good, [...battles, battles[0]], /battle row 3 \(id "x"\): the id was given before/],
    ['winner', good, [battles[0], { ...battles[1], winner: 'model_a' }], /battle row 2 .*winner is "model_a"/],
    ['text not a list', good, [{ ...battles[0], prompt: 'P' }, battles[1]], /battle row 1 .*prompt must be a list/],
    ['null row', good, [null], /battle row 1/],
  ])('%s', (_, predictions, list, message) => {
    const run = () => evaluate(predictions as Prediction[], list as Battle[], rounds);
    expect(run).toThrow(EvaluationInputError);
    expect(run).toThrow(message);
  });
  test('options', () => {
    expect(() => evaluate(good, battles, { seed: 0.5 })).toThrow(/seed is 0.5/);
    expect(() => evaluate(good, battles, { bootstrapRounds: 0 })).toThrow(/bootstrapRounds is 0/);
    expect(() => evaluate(good, battles, { validation: { battles, predictions: [] } })).toThrow(
      /validation battle row 1/,
    );
    expect(() => evaluate(good, battles, { train: [battles[0], battles[0]] })).toThrow(/training battle row 2/);
  });
});

test('intervals of shuffled labels hold one half at about the nominal rate, clusters or not', () => {
  const random = generator(20);
  for (const perPrompt of [1, 4]) {
    let held = 0;
    const runs = 400;
    for (let run = 0; run < runs; run++) {
      // One coin a prompt, shared by its battles: the worst case for an interval that takes them as independent.
      const credit: number[] = [];
      const clusterOf: number[] = [];
      for (let prompt = 0; prompt < 80; prompt++) {
        const coin = random() < 0.5 ? 0 : 1;
        for (let k = 0; k < perPrompt; k++) {
          credit.push(coin);
          clusterOf.push(prompt);
        }
      }
      const { low, high } = clusteredMean(credit, clusterOf, { rounds: 400, seed: run });
      if (low! <= 0.5 && high! >= 0.5) held++;
    }
    expect(held / runs).toBeGreaterThan(0.92);
    expect(held / runs).toBeLessThan(0.98);
  }
});

test('a whole report of shuffled labels: accuracy and AUC intervals hold one half', () => {
  const random = generator(21);
  let accuracy = 0;
  let auc = 0;
  const runs = 60;
  for (let run = 0; run < runs; run++) {
    const battles = randomBattles(100, 1000 + run).map(
      (item): Battle => ({ ...item, winner: random() < 0.5 ? 'a' : 'b' }),
    );
    const { predictors } = evaluate(predict(battles, run), battles, { bootstrapRounds: 200, seed: run });
    const [model] = predictors;
    if (model.accuracy.low! <= 0.5 && model.accuracy.high! >= 0.5) accuracy++;
    if (model.auc.low! <= 0.5 && model.auc.high! >= 0.5) auc++;
  }
  expect(accuracy).toBeGreaterThanOrEqual(52);
  expect(auc).toBeGreaterThanOrEqual(52);
});

test('bootstrap intervals agree with a plain bootstrap of the metrics', () => {
  const battles = randomBattles(150, 22);
  const predictions = predict(battles, 23);
  const report = evaluate(predictions, battles, { bootstrapRounds: 2000 });
  // A normal approximation of the clustered mean, from cluster totals (linearised ratio).
  const prompts = new Map<string, { n: number; sum: number }>();
  const byId = new Map(predictions.map((item) => [item.id, item.probabilityA]));
  for (const { id, prompt, winner } of battles) {
    const cluster = prompts.get(prompt[0]) ?? { n: 0, sum: 0 };
    cluster.n++;
    cluster.sum += byId.get(id)! >= 0.5 === (winner === 'a') ? 1 : 0;
    prompts.set(prompt[0], cluster);
  }
  const { value, low, high } = report.predictors[0].accuracy;
  const variance =
    [...prompts.values()].reduce((sum, { n, sum: s }) => sum + (s - n * value!) ** 2, 0) / battles.length ** 2;
  expect((high! - low!) / 2).toBeGreaterThan(1.96 * Math.sqrt(variance) * 0.9);
  expect((high! - low!) / 2).toBeLessThan(1.96 * Math.sqrt(variance) * 1.1);
});

test('with thousands of scores intervals are those of theory', () => {
  // Each prompt once: the log loss is a plain mean, the AUC has DeLong's variance.
  const random = generator(24);
  const battles = Array.from({ length: 4000 }, (_, i) =>
    battle(`${i}`, `prompt ${i}`, 'a', 'b', random() < 0.5 ? 'a' : 'b'),
  );
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const predictions = battles.map(({ id, winner }) => {
    const z = (winner === 'a' ? 0.6 : -0.6) + 3 * normal();
    return { id, probabilityA: 1 / (1 + Math.exp(-z)) };
  });
  const { logLoss, auc } = evaluate(predictions, battles, { bootstrapRounds: 1000 }).predictors[0];
  const losses = battles.map(({ winner }, i) => {
    const p = predictions[i].probabilityA;
    return -Math.log(winner === 'a' ? p : 1 - p);
  });
  const meanLoss = losses.reduce((a, b) => a + b) / 4000;
  const lossError = Math.sqrt(losses.reduce((sum, loss) => sum + (loss - meanLoss) ** 2, 0)) / 4000;
  expect(logLoss.value).toBeCloseTo(meanLoss, 10);
  expect((logLoss.high! - logLoss.low!) / (2 * 1.96 * lossError)).toBeCloseTo(1, 0.9);

  const ones = predictions.filter((_, i) => battles[i].winner === 'a').map((item) => item.probabilityA);
  const zeros = predictions.filter((_, i) => battles[i].winner === 'b').map((item) => item.probabilityA);
  const shareBelow = (value: number, list: number[]) => list.filter((other) => other < value).length / list.length;
  const variance = (list: number[]) => {
    const centre = list.reduce((a, b) => a + b) / list.length;
    return list.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (list.length - 1) / list.length;
  };
  const placed = [ones.map((value) => shareBelow(value, zeros)), zeros.map((value) => 1 - shareBelow(value, ones))];
  const error = Math.sqrt(variance(placed[0]) + variance(placed[1]));
  expect((auc.high! - auc.low!) / (2 * 1.96 * error)).toBeCloseTo(1, 0.9);
});

test('20,000 predictions with 400 rounds take seconds', () => {
  const battles = randomBattles(20_000, 25);
  const begin = performance.now();
  evaluate(predict(battles, 26), battles, { bootstrapRounds: 400 });
  expect(performance.now() - begin).toBeLessThan(15_000);
});

test('risk-coverage shares equal certainty', () => {
  const { points, area } = riskCoverage([0.9, 0.9, 0.6, 0.4], [1, 0, 1, 1]);
  expect(points.map(({ n, accuracy }) => [n, accuracy])).toEqual([
    [1, 0.5],
    [2, 0.5],
    [3, 0.5],
    [4, 0.5],
  ]);
  expect(area).toBeCloseTo(0.5, 12);
  expect(riskCoverage([], [])).toEqual({ points: [], area: null });
});

test('style and script', () => {
  const text = '# Head\n\n- one\n* two\n1. three\n**bold** and `code`\n```js\nx\n```\n';
  expect(styleCounts([text])).toEqual([text.length, 8, 3, 1, 1, 3]);
  expect(scriptOf('Hello')).toBe('Latin');
  expect(scriptOf('Привет, world')).toBe('Cyrillic');
  expect(scriptOf('你好')).toBe('Han');
  expect(scriptOf('日本語のテスト')).toBe('Japanese');
  expect(scriptOf('123')).toBe('other');
});
