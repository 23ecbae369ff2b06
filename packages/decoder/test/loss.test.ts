import type { Loss } from '@arena/decoder';
import {
  binaryCrossEntropy,
  bradleyTerry,
  crossEntropy,
  defaultLoss,
  meanSquaredError,
  smoothedCrossEntropy,
} from '@arena/decoder/losses';
import { Mt19937, normal } from '@arena/random';
import { openEngine } from '@arena/runtime';
import { memory, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(async () => {
  await openEngine('cpu');
});

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const binary = (z: number, y: number) => y * softplus(-z) + (1 - y) * softplus(z);
const sumOf = (values: number[]) => values.reduce((a, b) => a + b, 0);
const logSumExp = (row: number[]) => {
  const top = Math.max(...row);
  return top + Math.log(sumOf(row.map((z) => Math.exp(z - top))));
};
/** The definitions, in float64, of logits row by row. */
const reference = {
  crossEntropy: (rows: number[][], y: number[], smoothing = 0) =>
    sumOf(
      rows.map((row, i) => {
        const k = row.length;
        const target = y.length === rows.length ? row.map((_, c) => Number(c === y[i])) : y.slice(i * k, i * k + k);
        return sumOf(target.map((t, c) => ((1 - smoothing) * t + smoothing / k) * (logSumExp(row) - row[c])));
      }),
    ) / rows.length,
  binaryCrossEntropy: (rows: number[][], y: number[]) => sumOf(rows.flat().map((z, i) => binary(z, y[i]))) / y.length,
  meanSquaredError: (rows: number[][], y: number[]) => sumOf(rows.flat().map((z, i) => (z - y[i]) ** 2)) / y.length,
  bradleyTerry: (rows: number[][], y: number[]) =>
    sumOf(y.map((b, i) => binary(rows[2 * i][0] - rows[2 * i + 1][0], 1 - b))) / y.length,
};

const cases: [string, Loss, (rows: number[][], y: number[]) => number, [number, number], number[]][] = [
  ['cross entropy, classes', crossEntropy, reference.crossEntropy, [4, 3], [0, 2, 1, 1]],
  ['cross entropy, probabilities', crossEntropy, reference.crossEntropy, [2, 3], [0.2, 0.3, 0.5, 1, 0, 0]],
  [
    'cross entropy, smoothed classes',
    smoothedCrossEntropy(0.1),
    (rows, y) => reference.crossEntropy(rows, y, 0.1),
    [3, 2],
    [0, 1, 1],
  ],
  [
    'cross entropy, smoothed probabilities',
    smoothedCrossEntropy(0.3),
    (rows, y) => reference.crossEntropy(rows, y, 0.3),
    [2, 2],
    [0.5, 0.5, 0.9, 0.1],
  ],
  ['binary', binaryCrossEntropy, reference.binaryCrossEntropy, [3, 2], [0, 1, 1, 1, 0.5, 0.25]],
  ['squared error, one label', meanSquaredError, reference.meanSquaredError, [4, 1], [0.5, -2, 3, 0]],
  ['squared error, two labels', meanSquaredError, reference.meanSquaredError, [2, 2], [0.5, -2, 3, 0]],
  ['Bradley-Terry', bradleyTerry, reference.bradleyTerry, [8, 1], [0, 1, 0.5, 0.2]],
];

describe.each(cases)('%s', (_, loss, want, [n, k], labels) => {
  test.each([1, 30])('value and gradient, logits of size %d', async (scale) => {
    const values = normal(new Mt19937(n + 10 * k), n * k, 0, scale);
    const rows = (flat: number[]) => Array.from({ length: n }, (_, i) => flat.slice(i * k, i * k + k));
    const got = tidy(() => loss(tensor2d(values, [n, k]), labels));
    const expected = want(rows([...values]), labels);
    expect(Math.abs((await got.loss.data())[0] - expected)).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected)) * 4);
    expect(got.dlogits.shape).toEqual([n, k]);
    const slopes = await got.dlogits.data();
    for (let i = 0; i < n * k; i++) {
      const at = (step: number) => want(rows([...values].map((value, j) => value + (j === i ? step : 0))), labels);
      // float64 central differences: an error of about 1e-9.
      expect(Math.abs((at(1e-5) - at(-1e-5)) / 2e-5 - slopes[i])).toBeLessThan(2e-6 * Math.max(1, scale));
    }
  });
});

test.each(cases)('%s: weights are factors of the terms of the mean', async (_, loss, want, [n, k], labels) => {
  const values = [...normal(new Mt19937(3), n * k, 0, 2)];
  const terms = loss === bradleyTerry ? n / 2 : n;
  const [wide, perTerm] = [values.length / terms, labels.length / terms];
  const weights = Array.from({ length: terms }, (_, i) => [0.5, 2, 0, 1.25][i % 4]);
  const expected = (all: number[]) =>
    sumOf(
      weights.map((weight, i) => {
        const own = all.slice(i * wide, (i + 1) * wide);
        const rows = Array.from({ length: n / terms }, (_, r) => own.slice(r * k, r * k + k));
        return weight * want(rows, labels.slice(i * perTerm, (i + 1) * perTerm));
      }),
    ) / terms;
  const got = tidy(() => loss(tensor2d(values, [n, k]), labels, weights));
  expect((await got.loss.data())[0]).toBeCloseTo(expected(values), 5);
  for (const [i, slope] of (await got.dlogits.data()).entries()) {
    const at = (step: number) => expected(values.map((value, j) => value + (j === i ? step : 0)));
    expect(Math.abs((at(1e-5) - at(-1e-5)) / 2e-5 - slope)).toBeLessThan(4e-6);
  }
});

test('huge logits stay finite', async () => {
  for (const [loss, labels] of [
    [binaryCrossEntropy, [0, 1]],
    [bradleyTerry, [0]],
    [meanSquaredError, [0, 0]],
  ] as [Loss, number[]][]) {
    const { loss: value, dlogits } = loss(tensor2d([1e4, -1e4], [2, 1]), labels);
    expect([...(await value.data()), ...(await dlogits.data())].every(Number.isFinite)).toBe(true);
  }
});

test('labels that do not fit are refused, and no tensor stays behind', () => {
  const before = memory().numTensors;
  const logits = (n: number, k: number) => tensor2d(new Float32Array(n * k), [n, k]);
  const refuse = (loss: Loss, n: number, k: number, labels: number[], message: string) =>
    expect(() => tidy(() => loss(logits(n, k), labels).loss)).toThrow(message);
  refuse(crossEntropy, 2, 3, [0], '1 labels for 2 sequences: one class each, or 3 probabilities each');
  refuse(crossEntropy, 2, 3, [0, 3], 'label 3 of row 1 is not a class from 0 to 2');
  refuse(crossEntropy, 2, 3, [0, 0.5], 'label 0.5 of row 1');
  refuse(crossEntropy, 2, 2, [0.5, 0.5, 0.5, 0.6], 'row 1 add up to 1.1');
  refuse(binaryCrossEntropy, 2, 2, [0, 1], 'wants 2 for each');
  refuse(binaryCrossEntropy, 1, 2, [0, 1.5], 'label 1 is 1.5');
  refuse(meanSquaredError, 1, 1, [Number.NaN], 'label 0 is NaN');
  refuse(bradleyTerry, 3, 1, [0], 'one label for each two');
  refuse(bradleyTerry, 2, 2, [0], 'one logit a sequence');
  const weigh = (weights: number[]) => () => tidy(() => crossEntropy(logits(2, 3), [0, 1], weights).loss);
  expect(weigh([1])).toThrow('1 weights for 2 terms of the loss');
  expect(weigh([1, -1])).toThrow('a weight is -1');
  expect(() => smoothedCrossEntropy(1)).toThrow('label smoothing is 1');
  expect(memory().numTensors).toBe(before);
});

test("transformers' choice of a loss", () => {
  expect(defaultLoss(1)).toBe(meanSquaredError);
  expect(defaultLoss(2)).toBe(crossEntropy);
  expect(defaultLoss(2, 'regression')).toBe(meanSquaredError);
  expect(defaultLoss(2, 'multi_label_classification')).toBe(binaryCrossEntropy);
  expect(defaultLoss(1, 'single_label_classification')).toBe(crossEntropy);
});
