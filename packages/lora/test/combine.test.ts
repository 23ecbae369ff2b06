import {
  type AdapterFiles,
  adapterScaling,
  checkAdapter,
  combineAdapters,
  formatLoraConfig,
  loraConfig,
  parseLoraConfig,
} from '@arena/lora';
import { mergeError, mergeWeight4bit } from '@arena/lora/merge';
import { resolveTargets } from '@arena/lora/names';
import { dequantize4bit, quantize4bit } from '@arena/quant';
import { Mt19937, normal } from '@arena/random';
import { expect, test } from 'vitest';

const IN = 6;
const OUT = 5;
const path = (layer: number) => `model.layers.${layer}.self_attn.q_proj`;
const modules = [0, 1, 10].map((layer) => ({ path: path(layer), inFeatures: IN, outFeatures: OUT }));

function adapter(seed: number, r: number, alpha: number, layers: number[], fields = {}): AdapterFiles {
  const config = loraConfig({
    r,
    lora_alpha: alpha,
    target_modules: ['q_proj'],
    layers_to_transform: layers,
    ...fields,
  });
  const generator = new Mt19937(seed);
  const pair = () => ({ A: normal(generator, r * IN, 0, 1), B: normal(generator, OUT * r, 0, 1), r });
  return { config, weights: new Map(layers.map((layer) => [path(layer), pair()])) };
}

/** factor * B A in float64. [OUT * IN] */
function change({ A, B, r }: { A: ArrayLike<number>; B: ArrayLike<number>; r: number }, factor: number): number[] {
  return Array.from({ length: OUT * IN }, (_, n) => {
    let sum = 0;
    for (let k = 0; k < r; k++) sum += B[Math.floor(n / IN) * r + k] * A[k * IN + (n % IN)];
    return factor * sum;
  });
}

function expectClose(got: ArrayLike<number>, want: number[]) {
  expect(got.length).toBe(want.length);
  want.forEach((value, i) => {
    expect(Math.abs(got[i] - value)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
  });
}

test('cat: the weighted sum of the changes, module by module, for other ranks and scalings', () => {
  const parts = [adapter(1, 2, 3, [0, 1]), adapter(2, 3, 5, [1, 10], { use_rslora: true })];
  const weights = [0.7, -0.4];
  const combined = combineAdapters(parts, { weights, type: 'cat' });
  const targets = resolveTargets(combined.config, modules);
  expect(() => checkAdapter(combined, targets)).not.toThrow();
  for (const target of targets) {
    expect(target.scaling).toBe(1);
    const wanted = new Array(OUT * IN).fill(0);
    parts.forEach(({ config, weights: matrices }, i) => {
      const pair = matrices.get(target.path);
      if (!pair) return;
      const scaling = config.use_rslora ? config.lora_alpha / Math.sqrt(pair.r) : config.lora_alpha / pair.r;
      change(pair, weights[i] * scaling).forEach((value, n) => {
        wanted[n] += value;
      });
    });
    expectClose(change(combined.weights.get(target.path)!, 1), wanted);
  }
  expect(targets.map(({ r }) => r)).toEqual([2, 5, 3]);
  expect(parseLoraConfig(formatLoraConfig(combined.config))).toEqual(combined.config);
});

test("linear: matrices added with the roots of PEFT's factors", () => {
  const parts = [adapter(1, 2, 3, [0]), adapter(2, 2, 5, [0])];
  const combined = combineAdapters(parts, { weights: [0.25, 2] });
  const { A, B } = combined.weights.get(path(0))!;
  const roots = [Math.sqrt((0.25 * 3) / 2), Math.sqrt((2 * 5) / 2)];
  for (const [got, matrix] of [[A, 'A'] as const, [B, 'B'] as const]) {
    const [first, second] = parts.map(({ weights }) => weights.get(path(0))![matrix]);
    expectClose(
      got,
      Array.from(first, (value, i) => roots[0] * value + roots[1] * second[i]),
    );
  }
  expect(adapterScaling(combined.config, path(0), 2)).toBe(1);
});

test('one adapter alone, of weight 1, stays what it was', () => {
  const one = adapter(3, 2, 6, [0, 1]);
  for (const type of ['linear', 'cat'] as const) {
    const combined = combineAdapters([one], { weights: [1], type });
    for (const [module, pair] of one.weights) expectClose(change(combined.weights.get(module)!, 1), change(pair, 3));
  }
});

test('refuses what does not go together', () => {
  const [a, b] = [adapter(1, 2, 3, [0]), adapter(2, 3, 3, [0])];
  expect(() => combineAdapters([], { weights: [] })).toThrow('none were given');
  expect(() => combineAdapters([a, b], { weights: [1] })).toThrow('2 adapters, weights [1]');
  expect(() => combineAdapters([a, b], { weights: [1, Number.NaN] })).toThrow('weights [1,null]');
  expect(() => combineAdapters([a, b], { weights: [1, 1] })).toThrow('has ranks 2 and 3');
  expect(() => combineAdapters([a, a], { weights: [1, -1] })).toThrow("use 'cat'");
  const head = (value: number) => ({ values: Float32Array.of(value), shape: [1, 1] as [number, number] });
  const headed = [1, 2].map((value) => ({ ...a, score: head(value) }));
  expect(() => combineAdapters(headed, { weights: [1, 1] })).toThrow('scoreFrom');
  expect(combineAdapters(headed, { weights: [1, 1], scoreFrom: 1 }).score).toEqual(head(2));
  expect(combineAdapters([headed[0], a], { weights: [1, 1] }).score).toEqual(head(1));
  expect(() => combineAdapters([a, b], { weights: [1, 1], type: 'cat', scoreFrom: 0 })).toThrow(
    'adapter 0 has no score',
  );
});

test('merging into 4 bits: the error is that of float64, and large beside a small change', () => {
  const [rows, columns] = [16, 64];
  const weight = quantize4bit(normal(new Mt19937(5), rows * columns, 0, 0.02), [rows, columns], { doubleQuant: true });
  const target = { path: 'p', inFeatures: columns, outFeatures: rows, r: 2, alpha: 2, scaling: 1 };
  const lora = { A: normal(new Mt19937(6), 2 * columns, 0, 0.05), B: normal(new Mt19937(7), rows * 2, 0, 0.05) };
  const merged = mergeWeight4bit(weight, lora, target);
  const [before, after] = [dequantize4bit(weight), dequantize4bit(merged)];
  let [error, moved, size] = [0, 0, 0];
  for (let o = 0; o < rows; o++) {
    for (let i = 0; i < columns; i++) {
      const delta = lora.B[2 * o] * lora.A[i] + lora.B[2 * o + 1] * lora.A[columns + i];
      const want = before[o * columns + i] + delta;
      error += (after[o * columns + i] - want) ** 2;
      moved += delta ** 2;
      size += want ** 2;
    }
  }
  const got = mergeError(weight, merged, lora, target);
  expect(got.relativeToChange).toBeCloseTo(Math.sqrt(error / moved), 4);
  expect(got.relativeToWeight).toBeCloseTo(Math.sqrt(error / size), 5);
  const tiny = { ...lora, B: lora.B.map((value) => value / 100) };
  expect(mergeError(weight, mergeWeight4bit(weight, tiny, target), tiny, target).relativeToChange).toBeGreaterThan(0.5);
});
