import { readFileSync } from 'node:fs';
import { type BatchOptions, batches, type Packed } from '@arena/data';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randperm } from '../src/pack/random.js';

const cut = {
  prompt: { kept: 0, total: 0 },
  responseA: { kept: 0, total: 0 },
  responseB: { kept: 0, total: 0 },
  rounds: { kept: 1, total: 1 },
};
const packed = (lengths: number[]): Packed[] =>
  lengths.map((length, row) => ({ id: `${row}`, row, ids: new Int32Array(length).fill(row), label: row % 2, cut }));

test('randperm is torch.randperm', () => {
  const { rows } = JSON.parse(readFileSync(new URL('fixtures/randperm.json', import.meta.url), 'utf8'));
  for (const { n, seed, perm } of rows as { n: number; seed: number; perm: number[] }[])
    expect([...randperm(n, seed)]).toEqual(perm);
});

test("hf: Trainer's order by epoch, the last batch kept", () => {
  const list = packed([3, 1, 4, 1, 5, 9, 2, 6, 5, 3]);
  for (const epoch of [0, 1]) {
    const { plan } = batches(list, { order: 'hf', batchSize: 4, seed: 0, epoch });
    expect(plan.flat()).toEqual([...randperm(10, epoch)]);
    expect(plan.map((batch) => batch.length)).toEqual([4, 4, 2]);
  }
});

test('a batch is flat', () => {
  const list = packed([2, 0, 3]);
  list[2].weight = 0.5;
  list[0].softLabel = [0.3, 0.7];
  const [batch] = batches(list, { order: 'sequential' });
  expect(batch).toEqual({
    ids: Int32Array.of(0, 0, 2, 2, 2),
    offsets: Int32Array.of(0, 2, 2, 5),
    labels: Int32Array.of(0, 1, 0),
    rows: Int32Array.of(0, 1, 2),
    weights: Float32Array.of(1, 1, 0.5),
    softLabels: [[0.3, 0.7], null, null],
  });
});

test('bucketed: like lengths together, the heaviest batch first', () => {
  const lengths = Array.from({ length: 400 }, (_, i) => 1 + ((i * 7919) % 997));
  const { plan } = batches(packed(lengths), { batchSize: 8 });
  const spread = plan.map(
    (rows) => Math.max(...rows.map((row) => lengths[row])) - Math.min(...rows.map((row) => lengths[row])),
  );
  expect(spread.reduce((sum, n) => sum + n, 0) / plan.length).toBeLessThan(100); // without buckets about 770
  const tokens = plan.map((rows) => rows.reduce((sum, row) => sum + lengths[row], 0));
  expect(tokens[0]).toBe(Math.max(...tokens));
});

const anyOptions: fc.Arbitrary<BatchOptions> = fc.record(
  {
    batchSize: fc.integer({ min: 1, max: 9 }),
    tokensPerBatch: fc.integer({ min: 1, max: 200 }),
    order: fc.constantFrom('bucketed', 'hf', 'sequential'),
    seed: fc.nat(1000),
    epoch: fc.nat(3),
  },
  { requiredKeys: [] },
);

test('any order: every row once, within the limits, and it goes on where it stopped', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60), { maxLength: 80 }), anyOptions, fc.nat(20), (lengths, options, stop) => {
      const list = packed(lengths);
      const all = [...batches(list, options)];
      expect(all.flatMap(({ rows }) => [...rows]).sort((a, b) => a - b)).toEqual([...lengths.keys()]);
      for (const { rows, ids } of all) {
        if (options.batchSize) expect(rows.length).toBeLessThanOrEqual(options.batchSize);
        if (options.tokensPerBatch && rows.length > 1) expect(ids.length).toBeLessThanOrEqual(options.tokensPerBatch);
      }
      const run = batches(list, options);
      const head = [];
      for (const batch of run) {
        head.push(batch);
        if (head.length >= stop + 1) break;
      }
      // The state is taken after the batch that was being worked on, and goes through JSON.
      const resume = JSON.parse(JSON.stringify(run.state()));
      expect([...head, ...batches(list, { ...options, resume })]).toEqual(all);
    }),
    { numRuns: 300, seed: 6 },
  );
});

test('bad sizes and foreign states', () => {
  expect(() => batches([], { batchSize: 0 })).toThrow(/batchSize 0/);
  expect(() => batches([], { tokensPerBatch: 1.5 })).toThrow(/tokensPerBatch 1.5/);
  const state = batches(packed([1, 2]), { seed: 1 }).state();
  expect(() => batches(packed([1, 2]), { seed: 2, resume: state })).toThrow(/seed 1, the run has 2/);
  expect(() => batches(packed([1]), { seed: 1, resume: state })).toThrow(/rows 2, the run has 1/);
});
