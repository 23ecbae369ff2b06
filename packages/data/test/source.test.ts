/** @file Where battles can be read from, and what is said when they cannot. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Battle, type BattleSource, DataError, type ReadOptions, readBattles } from '@arena/data';
import type { RejectedRow } from '@arena/data/read';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url);
const bytesOf = (name: string) => new Uint8Array(readFileSync(fixture(name)));

async function read(source: BattleSource, options?: ReadOptions): Promise<Battle[]> {
  const battles: Battle[] = [];
  for await (const battle of readBattles(source, options)) battles.push(battle);
  return battles;
}

const line = (fields: object) =>
  `${JSON.stringify({ id: 1, prompt: 'p', response_a: 'x', response_b: 'y', winner: 'model_a', ...fields })}\n`;
const text = (content: string) => new TextEncoder().encode(content);

describe('sources', () => {
  let folder = '';
  let server: Server;
  let base = '';
  const requests: string[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'arena-data-'));
    writeFileSync(join(folder, 'b.jsonl'), line({ id: 2 }));
    writeFileSync(join(folder, 'a.jsonl.gz'), gzipSync(line({ id: 1 }) + line({ id: 3, winner: '?' })));
    writeFileSync(join(folder, 'notes.txt'), 'no data');
    server = createServer((request, response) => {
      const [, mode, name] = request.url!.split('/');
      if (name === 'none') {
        response.writeHead(404).end();
        return;
      }
      const bytes = bytesOf(name);
      const range = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
      requests.push(request.headers.range ?? 'whole');
      if (mode === 'ranges' && range) {
        const [from, to] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
        response
          .writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${bytes.length}` })
          .end(bytes.subarray(from, to + 1));
      } else response.writeHead(200).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  test('a folder, by name, with rows counted on', async () => {
    const rejected: RejectedRow[] = [];
    const battles = await read(folder, { reject: (one) => rejected.push(one) });
    expect(battles.map(({ id, row }) => [id, row])).toEqual([
      ['1', 0],
      ['2', 2],
    ]);
    expect(battles[1].duplicateOf).toBe(0);
    expect(rejected).toMatchObject([{ file: 'a.jsonl.gz', row: 1, reason: 'bad_winner' }]);
    expect(rejected[0].detail).toMatch(/^winner is "\?"; model_a, model_b/);
  });
  test('bytes, Blob, File, ArrayBuffer and lists of them', async () => {
    const bytes = bytesOf('mt_bench.parquet');
    const battles = await read(bytes);
    expect(battles.length).toBeGreaterThan(20);
    expect(await read(new Blob([bytes]))).toEqual(battles);
    expect(await read(new File([bytes], 'x'))).toEqual(battles);
    expect(await read(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))).toEqual(battles);
    expect((await read([bytes, new Blob([bytes])])).length).toBe(2 * battles.length);
  });
  test('a gzipped Parquet file', async () => {
    expect(await read(new Uint8Array(gzipSync(bytesOf('mt_bench.parquet'))))).toEqual(
      await read(bytesOf('mt_bench.parquet')),
    );
  });
  test.each(['mt_bench.parquet', 'lmsys_train.csv', 'own.jsonl'])('a URL: %s', async (name) => {
    const options = { repeatedKeys: 'last' } as const; // a golden row has two ids
    const battles = await read(bytesOf(name), options);
    expect(await read(`${base}/ranges/${name}`, options)).toEqual(battles);
    expect(await read(new URL(`${base}/plain/${name}`), options)).toEqual(battles);
  });
  test('a URL is read by ranges where the server has them', async () => {
    requests.length = 0;
    await read(`${base}/ranges/wsdm_train.delta.parquet`);
    expect(requests).not.toContain('whole');
  });
  test('a URL that is not there', async () => {
    await expect(read(`${base}/ranges/none`)).rejects.toThrow(/answered 404/);
    await expect(read('http://127.0.0.1:1/x')).rejects.toThrow(/cannot be reached/);
  });
  test('a path that is not there, and an empty folder', async () => {
    await expect(read(join(folder, 'none'))).rejects.toThrow(/ENOENT/);
    const empty = mkdtempSync(join(tmpdir(), 'arena-data-'));
    await expect(read(empty)).rejects.toThrow(/folder has no/);
    rmSync(empty, { recursive: true });
  });
});

describe('content', () => {
  test('the schema is found from content when the columns do not tell', async () => {
    const csv = 'id,prompt,response_a,response_b\n';
    expect((await read(text(`${csv}1,"[""p""]","[""x""]","[null]"\n`)))[0]).toMatchObject({
      prompt: ['p'],
      responseB: [''],
    });
    expect((await read(text(`${csv}1,[p],x,y\n`)))[0]).toMatchObject({ prompt: ['[p]'], winner: null });
  });
  test('your own column names', async () => {
    const own = text('{"q":"p","one":"x","two":"y","best":"model_b","sure":0.5}\n');
    const columns = { prompt: 'q', response_a: 'one', response_b: 'two', winner: 'best', weight: 'sure' };
    expect((await read(own, { columns }))[0]).toMatchObject({
      id: '0',
      prompt: ['p'],
      responseB: ['y'],
      winner: 'b',
      weight: 0.5,
    });
    await expect(read(own)).rejects.toThrow(/columns q, one, two, best, sure are of no known schema/);
  });
  test('soft labels', async () => {
    const rejected: RejectedRow[] = [];
    const rows = [[0.2, 0.8], '', null, [2], '[0.2; 0.8]'].map((soft_label) => line({ soft_label }));
    const battles = await read(text(rows.join('')), { reject: (one) => rejected.push(one) });
    expect(battles.map(({ softLabel }) => softLabel)).toEqual([[0.2, 0.8], undefined, undefined]);
    expect(rejected).toMatchObject([
      { row: 3, reason: 'bad_soft_label', detail: expect.stringContaining('soft_label is [2]') },
      { row: 4, reason: 'bad_json', detail: expect.stringContaining('soft_label is not JSON') },
    ]);
  });
  test("a teacher's logits become its probabilities", async () => {
    // softmax([ln 3, 0]) = [3, 1] / 4; the second row would overflow exp
    const rows = [{ teacher_logits: [Math.log(3), 0] }, { teacher_logits: '[1000, 1000, -1000]' }];
    const [one, two] = await read(text(rows.map(line).join('')));
    expect(one.softLabel![0]).toBeCloseTo(0.75, 12);
    expect(one.softLabel![1]).toBeCloseTo(0.25, 12);
    expect(two.softLabel).toEqual([0.5, 0.5, 0]);
    const [both] = await read(text(line({ soft_label: [0.2, 0.8], teacher_logits: [0, 0] })));
    expect(both.softLabel).toEqual([0.2, 0.8]);
  });
  test('votes as predictions.jsonl writes them', async () => {
    const battles = await read(text(line({ winner: 'a' }) + line({ id: 2, winner: 'b' })));
    expect(battles.map(({ winner }) => winner)).toEqual(['a', 'b']);
  });
  test('what is no battle can stop the run', async () => {
    const file = new File([line({}), line({ winner: 'C' })], 'votes.jsonl');
    await expect(read(file, { onReject: 'throw' })).rejects.toThrow(
      'votes.jsonl, row 1: no battle: bad_winner, winner is "C"',
    );
  });
  test.each<[string, Uint8Array | string, RegExp]>([
    ['empty', '', /empty/],
    ['a zip archive', 'PK\u0003\u0004...', /unzip/],
    ['one JSON array', '[{"id":1}]', /JSON lines/],
    [
      'a Parquet file cut short',
      bytesOf('mt_bench.parquet').subarray(0, 5000),
      /not a readable Parquet file.*complete/,
    ],
    ['gzip cut short', new Uint8Array(gzipSync(line({}).repeat(1000))).subarray(0, 60), /gzip/],
    ['a quote that never ends', 'id,prompt,response_a,response_b\n1,"p,x,y\n', /quote is left open/],
    ['JSON over several lines', '{\n  "id": 1\n}\n', /no line is a JSON object.*one object a line/],
    ['another file', 'name,age\nx,3\n', /columns name, age are of no known schema/],
  ])('%s', async (_, content, message) => {
    const bytes = typeof content === 'string' ? text(content) : content;
    await expect(read(bytes)).rejects.toThrow(message);
    await expect(read(bytes)).rejects.toBeInstanceOf(DataError);
  });
  test('reading can be stopped', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(read(text(line({})), { signal: controller.signal })).rejects.toThrow(/abort/i);
  });
});

describe('a source is let go', () => {
  /** A file that counts its open streams. They give few bytes at a time. */
  function watched(content: Uint8Array) {
    const file = Object.assign(new File([new Uint8Array(content)], 'votes'), { open: 0 });
    file.stream = () => {
      file.open++;
      let at = 0;
      return new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(content.subarray(at, at + 64)));
          at += 64;
          if (at < content.length) return;
          controller.close();
          file.open--;
        },
        cancel: () => void file.open--,
      });
    };
    return file;
  }
  const lines = text(line({}).repeat(300));
  const csv = text(`id,prompt,response_a,response_b,winner\n${'1,p,x,y,model_a\n'.repeat(300)}`);

  test.each<[string, Uint8Array]>([
    ['JSON lines', lines],
    ['csv', csv],
    ['gzip', new Uint8Array(gzipSync(lines, { level: 0 }))],
  ])('when the reader stops early: %s', async (_, content) => {
    const file = watched(content);
    for await (const { id } of readBattles(file)) {
      expect(id).toBe('1');
      break;
    }
    await vi.waitFor(() => expect(file.open).toBe(0)); // a gzip's pipe ends a little later
  });

  test.each<[string, Uint8Array, ReadOptions]>([
    ['no battle', text(`${line({ winner: '?' })}`.repeat(30)), { onReject: 'throw' }],
    ['no schema', text('{"name":1}\n'.repeat(30)), {}],
    ['a record is no CSV', text(`id,prompt,response_a,response_b\n1,"p"x,y\n`), {}],
    ['stopped', lines, { signal: AbortSignal.abort() }],
  ])('when reading fails: %s', async (_, content, options) => {
    const file = watched(content);
    await expect(read(file, options)).rejects.toThrow();
    expect(file.open).toBe(0);
  });
});
