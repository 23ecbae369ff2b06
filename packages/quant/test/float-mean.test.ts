/** @file The bits of torch's means (fixtures/make-means.py): their order of additions, from one value to a million. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { floatMean } from '../src/float-mean.js';

const { rows } = JSON.parse(readFileSync(new URL('fixtures/means.json', import.meta.url), 'utf8')) as {
  rows: [number, number, number][];
};

/** The vector of make-means.py. */
function vector(seed: number, count: number): Float32Array {
  const out = new Float32Array(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = Number((BigInt(state) * 1664525n + 1013904223n) & 0xffffffffn);
    out[i] = Math.fround(state / 2 ** 32) * 0.125;
  }
  return out;
}

test.each(rows)('%i values, seed %i', (count, seed, bits) => {
  const mean = floatMean(vector(seed, count));
  expect(new Uint32Array(Float32Array.of(mean).buffer)[0]).toBe(bits);
});
