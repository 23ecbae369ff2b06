/** @file Damaged files of every format, 1,000 and more of each: only typed errors, no hang, bounded memory. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { DataError, type ReadOptions } from '@arena/data';
import { type ReadRow, readRows, SCHEMAS } from '@arena/data/read';
import { Mt19937 } from '@arena/random';
import { ByteWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';

const RUNS = Number(process.env.FUZZ_RUNS ?? 1000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);
const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));

/** Reads a file that may be damaged; true when it could not be read to its end. Anything but a DataError is a failure. */
async function fails(file: Uint8Array, run: number, options?: ReadOptions): Promise<boolean> {
  const start = performance.now();
  try {
    for await (const { battle, rejected } of readRows(file, options)) {
      expect(battle?.row ?? rejected?.row).toBeGreaterThanOrEqual(0);
      if (battle) expect(battle.prompt.length).toBe(battle.responseA.length);
    }
    return false;
  } catch (error) {
    if (!(error instanceof DataError)) throw new Error(`run ${run}`, { cause: error });
    return true;
  } finally {
    // No time is claimed: this only tells a hang.
    expect(performance.now() - start, `run ${run}`).toBeLessThan(20_000);
  }
}

/** Runs `make` so many times, one seed after the other, and counts the files that could not be read to their end. */
async function fuzz(
  runs: number,
  make: (random: Mt19937, run: number) => Uint8Array,
  options?: ReadOptions,
): Promise<number> {
  const random = new Mt19937(SEED);
  let failed = 0;
  for (let run = 0; run < runs; run++) if (await fails(make(random, run), run, options)) failed++;
  expect(process.memoryUsage().rss).toBeLessThan(2e9);
  return failed;
}

async function all(rows: AsyncIterable<ReadRow>): Promise<ReadRow[]> {
  const list: ReadRow[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

const below = (random: Mt19937, n: number) => random.next() % Math.max(1, n);

/** One to four edits: bits flipped, bytes overwritten, a stretch taken out or doubled, the end cut off. */
function damage(bytes: Uint8Array, random: Mt19937): Uint8Array {
  let out = bytes.slice();
  const any = (n: number) => below(random, n);
  for (let edits = 1 + any(4); edits > 0; edits--) {
    const at = any(2) ? any(out.length) : Math.max(0, out.length - 1 - any(600)); // half of them in a Parquet footer
    switch (any(5)) {
      case 0:
        out[at] ^= 1 << any(8);
        break;
      case 1:
        out[at] = [0, 0xff, 0x7f, 0x80, any(256)][any(5)];
        break;
      case 2: {
        const end = Math.min(out.length, at + 1 + any(40));
        out = Uint8Array.of(...out.subarray(0, at), ...out.subarray(end));
        break;
      }
      case 3: {
        const end = Math.min(out.length, at + 1 + any(40));
        out = Uint8Array.of(...out.subarray(0, end), ...out.subarray(at));
        break;
      }
      default:
        if (any(4) === 0) out = out.slice(0, at);
        else for (let i = at; i < Math.min(out.length, at + 6); i++) out[i] = any(256);
    }
  }
  return out;
}

/** Whole lines of about so many bytes. */
const head = (name: string, length: number) => {
  const bytes = fixture(name);
  return bytes.slice(0, bytes.lastIndexOf(10, length) + 1);
};
const texts = { csv: head('lmsys_train.csv', 6000), jsonl: head('own.jsonl', 6000) };

describe('bytes', () => {
  const parquets = ['wsdm_test.parquet', 'wsdm_train.delta.parquet', 'mt_bench.parquet', 'arena100k.parquet'];
  test.each(parquets)('%s', async (name) => {
    const bytes = fixture(name);
    const runs = Math.ceil(RUNS / parquets.length);
    expect(await fuzz(runs, (random) => damage(bytes, random))).toBeGreaterThan(runs / 10);
  });
  test.each(['csv', 'jsonl'] as const)('%s', async (format) => {
    await fuzz(RUNS, (random) => damage(texts[format], random));
  });
  test('gz: damaged outside, and inside', async () => {
    const files = [texts.csv, texts.jsonl, fixture('mt_bench.parquet')];
    const packed = files.map((file) => new Uint8Array(gzipSync(file)));
    const failed = await fuzz(RUNS, (random, run) => {
      const which = below(random, files.length);
      return run % 2 ? damage(packed[which], random) : new Uint8Array(gzipSync(damage(files[which], random)));
    });
    expect(failed).toBeGreaterThan(RUNS / 4);
  });
  test('invalid UTF-8 is an error with its row and column, in any place', async () => {
    const bad = [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88], [0xff], [0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80]];
    const line = '{"id":1,"prompt":"pXq","response_a":"x","response_b":"y","winner":"model_a"}\n';
    for (const bytes of bad) {
      const [before, after] = line.split('X').map((part) => new TextEncoder().encode(part));
      await expect(all(readRows(Uint8Array.from([...before, ...bytes, ...after])))).rejects.toThrow(
        /row 0, column prompt: .* UTF-8/,
      );
    }
    const failed = await fuzz(RUNS, (random, run) => {
      const whole = run % 2 ? texts.csv : texts.jsonl;
      const at = below(random, whole.length);
      return Uint8Array.from([...whole.subarray(0, at), ...bad[below(random, bad.length)], ...whole.subarray(at)]);
    });
    expect(failed).toBe(RUNS);
  });
});

/** Something of a type that the reader does not expect. */
function anyValue(random: Mt19937): unknown {
  const deep = 10 ** (1 + below(random, 4)); // to 10,000 levels
  return [
    null,
    true,
    -1e308,
    '',
    '[',
    '\ud800',
    'x'.repeat(10_000),
    [],
    [[]],
    [null],
    {},
    { role: 'user' },
    [{ role: 'user', content: [{ type: 'text', text: 1 }] }],
    [{ role: 'user', content: { a: 1 } }, null],
    { toString: 1, length: -1 },
    `${'['.repeat(deep)}${']'.repeat(deep)}`,
    `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`,
  ][below(random, 17)];
}

describe('values of the wrong type', () => {
  test.each(SCHEMAS)('%s, as JSON lines', async (schema) => {
    const messages = [
      { role: 'user', content: 'p' },
      { role: 'assistant', content: [{ type: 'text', text: 'x' }] },
    ];
    const record = {
      ...{ id: 1, prompt: '["p"]', response_a: '["x"]', response_b: '["y"]', winner: 'model_a', winner_tie: 0 },
      ...{ conversation_a: messages, conversation_b: JSON.stringify(messages), turn: 1, weight: 1 },
      ...{ messages_a: messages, messages_b: messages, chosen: messages, rejected: 'no', score_a: 1, score_b: '2' },
      ...{ responses: ['x', 'y', 'z'], ranks: [1, 2, 3], system: 's', input: '' },
      ...{ soft_label: [0.1, 0.9], language: 'English', session: 's', model_a: 'm', judge: 'j' },
    };
    const names = Object.keys(record);
    const failed = await fuzz(
      Math.ceil(RUNS / SCHEMAS.length),
      (random) => {
        const changed: Record<string, unknown> = { ...record };
        for (let edits = 1 + below(random, 3); edits > 0; edits--) {
          changed[names[below(random, names.length)]] = anyValue(random);
        }
        return new TextEncoder().encode(`${JSON.stringify(changed)}\n`);
      },
      { schema },
    );
    expect(failed).toBe(0); // a row of wrong types is reported and passed over
  });
  test('lists nested 100,000 deep, as JSON and within a CSV field', async () => {
    const deep = `${'['.repeat(1e5)}${']'.repeat(1e5)}`;
    const json = `{"id":1,"prompt":${deep},"response_a":"x","response_b":"y","winner":"model_a"}\n`;
    const csv = `id,prompt,response_a,response_b,winner_model_a,winner_tie\n1,"${deep}","[""x""]","[""y""]",1,0\n`;
    for (const text of [json, csv]) {
      const rows = await all(readRows(new TextEncoder().encode(text)));
      expect(rows.map(({ rejected }) => rejected?.reason)).toEqual(['bad_json']);
    }
  });
});

describe('Parquet footers that claim the absurd', () => {
  const columns = ['id', 'prompt', 'response_a', 'response_b', 'winner'];
  const cells = columns.map((name) => ({
    name,
    type: 'STRING' as const,
    data: Array.from({ length: 40 }, (_, i) => (name === 'winner' ? 'model_a' : `${name} ${i}`)),
  }));
  /** A small file whose footer `change` has had its way with. */
  function file(change: (writer: ParquetWriter) => void): Uint8Array {
    const writer = new ByteWriter();
    const columnData = cells.map(({ name, data }) => ({ name, data }));
    const parquet = new ParquetWriter({ writer, schema: schemaFromColumnData({ columnData: cells }) });
    parquet.write({ columnData, rowGroupSize: 20 });
    change(parquet);
    parquet.finish();
    return new Uint8Array(writer.getBuffer());
  }
  const ABSURD = [-1n, 0n, 1n, 19n, 21n, 2n ** 20n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 40n, 2n ** 53n, 2n ** 62n];
  const SIZES = ['num_values', 'total_uncompressed_size', 'total_compressed_size', 'data_page_offset'] as const;

  test('unchanged, it is read', async () => {
    const rows = await all(readRows(file(() => {})));
    expect(rows.map(({ battle }) => battle?.prompt[0])).toEqual(cells[1].data);
  });
  test('a row group of 2 billion rows', async () => {
    for (const rows of [2n ** 31n - 1n, 2n ** 40n]) {
      const huge = file((parquet) => {
        parquet.row_groups[0].num_rows = rows;
        parquet.num_rows = rows + 20n;
      });
      expect(await fails(huge, 0)).toBe(true);
    }
  });
  test('any number', async () => {
    const failed = await fuzz(RUNS, (random) =>
      file((parquet) => {
        const value = ABSURD[below(random, ABSURD.length)];
        const group = parquet.row_groups[below(random, 2)];
        const kind = below(random, SIZES.length + 2);
        if (kind < SIZES.length) group.columns[below(random, columns.length)].meta_data![SIZES[kind]] = value;
        else group.num_rows = value;
        if (kind > SIZES.length) parquet.num_rows = value;
      }),
    );
    expect(failed).toBeGreaterThan(RUNS / 4);
  });
});
