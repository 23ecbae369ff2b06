/** @file Style's log odds and the stack of margin and style, beside scikit-learn and scipy. */
import { type Battle, EvaluationInputError, evaluate } from '@arena/eval';
import { chooseStack, fitStyle, multiplierFit, STYLE_FEATURES, styleCounts, styleLogOdds } from '@arena/eval/style';
import { describe, expect, test } from 'vitest';
import { predict, randomBattles } from './battles.js';

const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
const all = () => true;
const apart = (n: number) => ({ clusterOf: Int32Array.from(numbers(n)), clusters: n });
const battle = (i: number, a: string, b: string, winner: Battle['winner'] = 'a'): Battle => ({
  id: String(i),
  prompt: [`question ${i}`],
  responseA: [a],
  responseB: [b],
  winner,
});

describe('terms', () => {
  /*
   * a = ['ab\n' * (1 + i % 5) + '- c\n' * (i % 3) for i in range(30)]; b = ['x' * (3 + 7 * i % 11) for i in range(30)]
   * y = [int(i % 5 > 1) ^ int(i % 7 == 0) for i in range(30)]
   * counts = lambda t: np.log1p([len(t), sum(l.strip() != '' for l in t.split('\n')), t.count('- '), 0, 0, 0])
   * x = np.stack([counts(p) - counts(q) for p, q in zip(a, b)])
   * scale = np.sqrt((x**2).mean(0)); scale[scale == 0] = 1
   * LogisticRegression(C=0.5, fit_intercept=False, tol=1e-12, max_iter=10000).fit(x / scale, y).coef_
   */
  const battles = numbers(30).map((i) =>
    battle(i, 'ab\n'.repeat(1 + (i % 5)) + '- c\n'.repeat(i % 3), 'x'.repeat(3 + ((7 * i) % 11))),
  );
  const labels = numbers(30).map((i) => Number(i % 5 > 1) ^ Number(i % 7 === 0));

  test('with a fixed C they are those of scikit-learn without a constant', () => {
    const { terms, C } = fitStyle(battles, labels, apart(30), { C: 0.5 });
    expect(C).toBe(0.5);
    expect(Object.keys(terms)).toEqual([...STYLE_FEATURES]);
    const [characters, lines, items, headers] = Object.values(terms);
    const scales = [0.7128395196, 0.9298895316, 0.7499782163];
    const coefficients = [0.822218003, 0.5649107316, -0.9320192101];
    for (const [k, term] of [characters, lines, items].entries()) {
      expect(term.scale).toBeCloseTo(scales[k], 7);
      expect(term.coefficient).toBeCloseTo(coefficients[k], 7);
    }
    expect(headers).toEqual({ scale: 1, coefficient: 0 });
  });

  test('exchanging A and B turns the sign, exactly', () => {
    const { terms } = fitStyle(battles, labels, apart(30));
    const exchanged = battles.map((one) => ({ ...one, responseA: one.responseB, responseB: one.responseA }));
    expect(styleLogOdds(terms, exchanged)).toEqual(styleLogOdds(terms, battles).map((s) => 0 - s));
  });

  test('the strength is chosen by prompt: votes that say nothing are shrunk most', () => {
    const noise = numbers(200).map((i) => battle(i, 'x'.repeat(1 + ((i * 37) % 101)), 'x'.repeat(1 + ((i * 53) % 97))));
    const coins = numbers(200).map((i) => Number(((i * 2654435761) >>> 7) & 1));
    expect(fitStyle(noise, coins, apart(200)).C).toBeLessThanOrEqual(0.01);
    const longer = noise.map(({ responseA, responseB }, i) =>
      Number(responseA[0].length > responseB[0].length !== (i % 5 === 0)),
    );
    expect(fitStyle(noise, longer, apart(200)).C).toBeGreaterThanOrEqual(0.1);
  });

  test('a term that separates the votes, answers of one length, one prompt and no votes give finite numbers', () => {
    const split = numbers(60).map((i) =>
      battle(i, i % 2 ? 'long '.repeat(9) : 'short', i % 2 ? 'short' : 'long '.repeat(9)),
    );
    const sides = numbers(60).map((i) => i % 2);
    const one = { clusterOf: new Int32Array(60), clusters: 1 };
    const equal = numbers(60).map((i) => battle(i, 'same', 'size'));
    for (const [some, groups] of [
      [split, apart(60)],
      [split, one],
      [equal, apart(60)],
      [[], apart(0)],
    ] as const) {
      const { terms } = fitStyle(some, sides.slice(0, some.length), groups);
      for (const { scale, coefficient } of Object.values(terms)) {
        expect(scale).toBeGreaterThan(0);
        expect(Math.abs(coefficient)).toBeLessThan(20);
      }
    }
    expect([...styleLogOdds(fitStyle(equal, sides, apart(60)).terms, equal)]).toEqual(equal.map(() => 0));
  });

  test('one vote with a feature that no other has does not decide what the feature says', () => {
    const rare = numbers(400).map((i) =>
      battle(i, `${i === 7 ? '# ' : ''}${'x'.repeat(1 + ((i * 37) % 101))}`, 'y'.repeat(50)),
    );
    const longer = rare.map(({ responseA }, i) => Number(responseA[0].length > 50 !== (i % 5 === 0)));
    const { terms } = fitStyle(rare, longer, apart(400), { C: 0.1 });
    const said = (terms.headers.coefficient * Math.log(2)) / terms.headers.scale; // log odds of one header
    expect(Math.abs(said)).toBeLessThan(0.4); // by its root mean square it would be above 1
    expect(Math.abs(said)).toBeGreaterThan(0);
  });

  test('a term that is no feature is refused by name', () => {
    const wrong = () => styleLogOdds({ emoji: { scale: 1, coefficient: 1 } }, battles);
    expect(wrong).toThrow(EvaluationInputError);
    expect(wrong).toThrow('style term "emoji" is not known');
    expect([...styleLogOdds({ lines: { scale: 1, coefficient: 2 } }, battles.slice(0, 1))]).toEqual([
      2 * (Math.log1p(1) - Math.log1p(1)),
    ]);
  });

  test('lines are those that are not blank', () => {
    expect(styleCounts(['one\n\n  \ntwo', 'three'])[1]).toBe(3);
  });
});

describe('stack', () => {
  /*
   * i = np.arange(40.); m, s = 3 * np.sin(i) + np.sin(5 * i), np.cos(2 * i)
   * y = (np.sin(i) + 0.8 * np.sin(7 * i) + np.cos(2 * i) > 0).astype(int)
   */
  const i = numbers(40);
  const margins = i.map((x) => 3 * Math.sin(x) + Math.sin(5 * x));
  const style = i.map((x) => Math.cos(2 * x));
  const labels = i.map((x) => Number(Math.sin(x) + 0.8 * Math.sin(7 * x) + Math.cos(2 * x) > 0));
  const votes = { margins, style, labels };
  const close = (got: { a: number; b: number }, a: number, b: number) => {
    expect(got.a).toBeCloseTo(a, 6);
    expect(got.b).toBeCloseTo(b, 6);
  };

  test('without a ridge it is scikit-learn’s logistic regression', () => {
    // LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-12, max_iter=10000).fit(np.stack([m, s], 1), y).coef_
    close(multiplierFit(votes, 2, 0)(all, Number.POSITIVE_INFINITY), 0.7715419055, 2.9170652554);
    close(multiplierFit(votes, 1, 0)(all, Number.POSITIVE_INFINITY), 0.3769212414, 0);
  });

  test('the ridge is towards (1, 0), or with the style in the loss towards (1, 1), where b stays', () => {
    // f = lambda w: ((w[0] - 1)**2 + (w[1] - b)**2) / (2 * C) + np.logaddexp(0, -(2 * y - 1) * (w[0] * m + w[1] * s)).sum()
    // scipy.optimize.minimize(f, [1, b], tol=1e-14, options=dict(gtol=1e-10)).x
    close(multiplierFit(votes, 2, 0)(all, 0.1), 0.5295073414, 0.5496301027);
    close(multiplierFit(votes, 1, 0)(all, 0.1), 0.5135190129, 0);
    close(multiplierFit(votes, 1, 1)(all, 0.1), 0.562561612, 1);
  });

  test('a margin never counts against itself', () => {
    const against = { margins: labels.map((y) => 1 - 2 * y), style, labels };
    const { a, b } = multiplierFit(against, 2, 0)(all, 10);
    expect(a).toBe(0.01);
    expect(b).toBeGreaterThan(0);
  });

  /** Votes drawn from p = sigmoid(truth) by a seeded generator. */
  function drawn(n: number, truth: (u: number, s: number) => number, margin: (u: number, s: number) => number) {
    const u = numbers(n).map((k) => 3 * Math.sin(k * 12.9898));
    const s = numbers(n).map((k) => Math.cos(k * 78.233));
    let state = 12345;
    const uniform = numbers(n).map(() => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    });
    return {
      margins: u.map((x, k) => margin(x, s[k])),
      style: s,
      labels: u.map((x, k) => Number(uniform[k] < 1 / (1 + Math.exp(-truth(x, s[k]))))),
      ...apart(n),
    };
  }

  test('each candidate is kept only where it is better on votes that it has not seen', () => {
    const calibrated = chooseStack(
      drawn(
        400,
        (u) => u,
        (u) => u,
      ),
    );
    expect(calibrated.tried.map(({ name }) => name)).toEqual(['raw', 'temperature', 'stack']);
    expect(Math.abs(calibrated.kept.a - 1)).toBeLessThan(0.25);
    expect(Math.abs(calibrated.kept.b)).toBeLessThan(0.3);
    const over = chooseStack(
      drawn(
        400,
        (u) => u,
        (u) => 4 * u,
      ),
    );
    expect(over.kept.name).not.toBe('raw');
    expect(Math.abs(over.kept.a - 0.25)).toBeLessThan(0.08);
    const blind = chooseStack(
      drawn(
        400,
        (u, s) => u + 2 * s,
        (u) => u,
      ),
    );
    expect(blind.kept.name).toBe('stack');
    expect(Math.abs(blind.kept.b - 2)).toBeLessThan(0.7);
    for (const { kept, tried } of [calibrated, over, blind]) {
      let best = tried[0];
      for (const one of tried) if (one.logLoss < best.logLoss) best = one;
      expect(kept).toBe(best);
    }
  });

  test('the log loss of the raw margin is its mean, that of the others is out of sample', () => {
    const some = drawn(
      60,
      (u) => u,
      (u) => 2 * u,
    );
    const loss = (a: number, b: number) =>
      some.labels.reduce((sum, y, k) => {
        return sum + Math.log1p(Math.exp(-(2 * y - 1) * (a * some.margins[k] + b * some.style[k]))) / 60;
      }, 0);
    const [raw, temperature, stack] = chooseStack(some).tried;
    expect(raw.logLoss).toBeCloseTo(loss(1, 0), 12);
    for (const { a, b, logLoss } of [temperature, stack]) expect(logLoss).toBeGreaterThan(loss(a, b));
  });

  test('with the style in the loss b is 1, and only a temperature is tried', () => {
    const { tried } = chooseStack(
      drawn(
        100,
        (u, s) => u + s,
        (u) => 3 * u,
      ),
      { inLoss: true },
    );
    expect(tried.map(({ name, b }) => [name, b])).toEqual([
      ['raw', 1],
      ['temperature', 1],
    ]);
  });

  test('votes of one prompt, separated votes and margins that say nothing: finite, and nothing is kept without a check', () => {
    const one = chooseStack({ ...votes, clusterOf: new Int32Array(40), clusters: 1 });
    expect(one).toMatchObject({ kept: { name: 'raw', a: 1, b: 0 }, tried: [{ name: 'raw' }] });
    for (const some of [
      { margins: labels.map((y) => 50 * (2 * y - 1)), style: labels.map((y) => 2 * y - 1) },
      { margins: labels.map(() => 0), style: labels.map(() => 0) },
      { margins: labels.map((y) => 2e4 * (1 - 2 * y)), style },
    ]) {
      for (const { a, b, logLoss } of chooseStack({ ...some, labels, ...apart(40) }).tried) {
        expect([a, b, logLoss].every(Number.isFinite)).toBe(true);
      }
    }
  });
});

test('a report shows parts of the model beside it, and where the shorter answer won', () => {
  const battles = randomBattles(120, 71);
  const predictions = predict(battles, 72);
  const longer = battles.map(({ id, responseA: [a], responseB: [b] }) => ({
    id,
    probabilityA: a.length > b.length ? 0.7 : 0.3,
  }));
  const parts = [{ name: 'margin', description: 'd', fittedOn: 'f', predictions: longer }];
  const plain = evaluate(predictions, battles, { bootstrapRounds: 20 });
  const report = evaluate(predictions, battles, { bootstrapRounds: 20, variants: parts });
  expect(plain).not.toHaveProperty('style');
  expect(report.verdict).toBe(plain.verdict);
  expect(report.predictors.map(({ name }) => name)).toEqual(['model', 'margin', 'always-longer', 'majority']);
  const [margin, model] = report.style!.rows;
  expect([margin.name, model.name]).toEqual(['margin', 'model']);
  expect(margin.accuracyWhereLongerWon.value).toBe(1);
  expect(margin.accuracyWhereShorterWon.value).toBe(0);
  expect(model.accuracy.value).toBe(plain.predictors[0].accuracy.value);
  expect(model.accuracyWhereShorterWon.value).toBe(plain.length.accuracyWhereShorterWon.value);
  expect(() => evaluate(predictions, battles, { variants: [{ ...parts[0], predictions: longer.slice(1) }] })).toThrow(
    /^margin battle row 1 .* it has no prediction/,
  );
});
