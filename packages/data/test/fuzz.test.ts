/** @file Damaged files of every format: only typed errors, no hang, bounded memory. */
import { readFileSync } from 'node:fs';
import { DataError, Mt19937, readRows } from '@arena/data';
import { expect, test } from 'vitest';

const RUNS = Number(process.env.FUZZ_RUNS ?? 150);

/** One to four edits: bits flipped, bytes overwritten, a stretch taken out or doubled, the end cut off. */
function damage(bytes: Uint8Array, random: Mt19937): Uint8Array {
  let out = bytes.slice();
  const below = (n: number) => random.next() % Math.max(1, n);
  for (let edits = 1 + below(4); edits > 0; edits--) {
    const at = below(2) ? below(out.length) : Math.max(0, out.length - 1 - below(600)); // half of them in a Parquet footer
    switch (below(5)) {
      case 0:
        out[at] ^= 1 << below(8);
        break;
      case 1:
        out[at] = [0, 0xff, 0x7f, 0x80, below(256)][below(5)];
        break;
      case 2: {
        const end = Math.min(out.length, at + 1 + below(40));
        out = Uint8Array.of(...out.subarray(0, at), ...out.subarray(end));
        break;
      }
      case 3: {
        const end = Math.min(out.length, at + 1 + below(40));
        out = Uint8Array.of(...out.subarray(0, end), ...out.subarray(at));
        break;
      }
      default:
        if (below(4) === 0) out = out.slice(0, at);
        else for (let i = at; i < Math.min(out.length, at + 6); i++) out[i] = below(256);
    }
  }
  return out;
}

test.each([
  'wsdm_test.parquet',
  'wsdm_train.delta.parquet',
  'mt_bench.parquet',
  'arena100k.parquet',
  'lmsys_train.csv',
  'own.jsonl',
])('%s', async (name) => {
  const whole = new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));
  const bytes = name.endsWith('.parquet') ? whole : whole.slice(0, 12_000);
  const random = new Mt19937(Number(process.env.FUZZ_SEED ?? 1));
  let failed = 0;
  for (let run = 0; run < RUNS; run++) {
    const file = damage(bytes, random);
    const start = performance.now();
    try {
      for await (const { battle, rejected } of readRows(file))
        expect(battle?.row ?? rejected?.row).toBeGreaterThanOrEqual(0);
    } catch (error) {
      if (!(error instanceof DataError)) throw new Error(`run ${run}`, { cause: error });
      failed++;
    }
    expect(performance.now() - start, `run ${run}`).toBeLessThan(5000);
  }
  if (name.endsWith('.parquet')) expect(failed).toBeGreaterThan(RUNS / 10);
  expect(process.memoryUsage().rss).toBeLessThan(2e9);
});
