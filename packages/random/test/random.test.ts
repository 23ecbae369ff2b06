import { readFileSync } from 'node:fs';
import { dropoutMask, Mt19937, normal, randperm, uniform } from '@arena/random';
import { expect, test } from 'vitest';

interface Golden {
  draws: Record<string, { rand20: number[]; randn40: number[]; randn7: number[] }>;
  randperm: { seed: number; n: number; perm: number[] }[];
}
// Made by torch 2.13.0 on the CPU.
const golden = JSON.parse(readFileSync(new URL('./fixtures/torch-draws.json', import.meta.url), 'utf8')) as Golden;

test.each(Object.entries(golden.draws))('uniform equals torch.rand for seed %s', (seed, { rand20 }) => {
  expect([...uniform(new Mt19937(Number(seed)), 20)]).toEqual(rand20);
});

test.each(Object.entries(golden.draws))('normal follows torch.randn for seed %s', (seed, { randn40, randn7 }) => {
  for (const want of [randn40, randn7]) {
    const got = normal(new Mt19937(Number(seed)), want.length);
    for (const [i, value] of want.entries()) {
      expect(Math.abs(got[i] - value)).toBeLessThanOrEqual(1e-7 + 2e-6 * Math.abs(value));
    }
  }
});

test('randperm equals torch.randperm', () => {
  for (const { seed, n, perm } of golden.randperm) expect([...randperm(new Mt19937(seed), n)]).toEqual(perm);
});

test('only the low 32 bits of a seed count', () => {
  expect(new Mt19937(2 ** 32 + 5).next()).toBe(new Mt19937(5).next());
});

test('dropout drops its share, scales what it keeps, and depends on seed and stream', () => {
  const mask = dropoutMask({ p: 0.3, seed: 1, stream: 2 }, 100_000);
  const kept = mask.filter((value) => value > 0);
  expect(kept.length / mask.length).toBeCloseTo(0.7, 2);
  expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.7)]));
  const agreement = (other: Float32Array) => other.filter((value, i) => value > 0 === mask[i] > 0).length / mask.length;
  // Independent masks agree on 0.7^2 + 0.3^2 of the values.
  expect(agreement(dropoutMask({ p: 0.3, seed: 2, stream: 2 }, 100_000))).toBeCloseTo(0.58, 2);
  expect(agreement(dropoutMask({ p: 0.3, seed: 1, stream: 3 }, 100_000))).toBeCloseTo(0.58, 2);
});
