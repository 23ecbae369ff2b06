/** @file Ids: exact in every format, and never one of another row. */
import { readFileSync } from 'node:fs';
import { type Battle, DataError, type ReadOptions, readBattles } from '@arena/data';
import { type RejectedRow, readRecords } from '@arena/data/read';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url);
const text = (content: string) => new TextEncoder().encode(content);

async function read(source: Uint8Array | URL | (Uint8Array | File)[], options?: ReadOptions): Promise<Battle[]> {
  const battles: Battle[] = [];
  for await (const battle of readBattles(source, options)) battles.push(battle);
  return battles;
}
const idsOf = async (source: Uint8Array | URL | (Uint8Array | File)[], options?: ReadOptions) =>
  (await read(source, options)).map(({ id }) => id);

describe('Parquet: what pyarrow wrote, as Python says it', () => {
  // both made by fixtures/odd_parquet.py
  const want: Record<string, string[]> = JSON.parse(readFileSync(fixture('id_types.json'), 'utf8'));
  test.each(Object.keys(want))('%s', async (id) => {
    expect(await idsOf(fixture('id_types.parquet'), { columns: { id } })).toEqual(want[id]);
    const records: unknown[] = [];
    for await (const { record } of readRecords(fixture('id_types.parquet'), [id])) records.push(record![id]);
    expect(
      records.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : String(value))),
    ).toEqual(want[id]);
  });
  test('INT96', async () => {
    expect(await idsOf(fixture('id_int96.parquet'))).toEqual(want.nanos);
  });
  test('a missing one takes no other', async () => {
    expect(await idsOf(fixture('id_types.parquet'), { columns: { id: 'some_missing' } })).toEqual(['row-0', '1', '0']);
    expect(await idsOf(fixture('id_types.parquet'), { columns: { id: 'some_nan' } })).toEqual(['row-0', '1', '0']);
  });
  test.each([
    ['doubles', [0, 1, 2]],
    ['large_doubles', [0, 1]],
    ['flags', [0, 1, 2]],
    ['lists', [0, 1, 2]],
  ])('%s are refused', async (id, rows) => {
    const rejected: RejectedRow[] = [];
    await read(fixture('id_types.parquet'), { columns: { id }, reject: (one) => rejected.push(one) });
    expect(rejected.map(({ row, reason }) => [row, reason])).toEqual(rows.map((row) => [row, 'bad_id']));
  });
});

const rest = '"prompt":"p","response_a":"x","response_b":"y","winner":"model_a"';
const jsonl = (...ids: string[]) => text(ids.map((id, i) => `{${id},${rest.replace('"p"', `"p${i}"`)}}\n`).join(''));
const csv = (...ids: string[]) =>
  text(`id,prompt,response_a,response_b,winner\n${ids.map((id, i) => `${id},p${i},x,y,model_a\n`).join('')}`);

describe('text formats', () => {
  test('whole numbers of 64 bits are the same in JSON lines and CSV', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), { minLength: 1, maxLength: 5 }),
        async (ids) => {
          const want = ids.map(String);
          expect(await idsOf(jsonl(...want.map((id) => `"id":${id}`)))).toEqual(want);
          expect(await idsOf(csv(...want))).toEqual(want);
        },
      ),
      { numRuns: 50 },
    );
  });
  test('under a name of your own, too', async () => {
    const ids = ['9007199254740993', '9007199254740992'];
    expect(await idsOf(jsonl(...ids.map((id) => `"uid":${id}`)), { columns: { id: 'uid' } })).toEqual(ids);
  });
  test('sessions beyond 2^53 stay apart', async () => {
    const ids = ['9007199254740993', '9007199254740992'];
    const battles = await read(jsonl(...ids.map((id) => `"session":${id}`)));
    expect(battles.map(({ session }) => session)).toEqual(ids);
  });
  test('an empty one is none', async () => {
    expect(await idsOf(csv('', '0', ''))).toEqual(['row-0', '0', 'row-2']);
    expect(await idsOf(jsonl('"id":""', '"id":null', '"x":1', '"id":NaN', '"id":"0"'))).toEqual([
      'row-0',
      'row-1',
      'row-2',
      'row-3',
      '0',
    ]);
  });
  test('question_id does not stand in for a missing id', async () => {
    expect(await idsOf(jsonl('"id":"1","question_id":"7"', '"question_id":"1"'))).toEqual(['1', 'row-1']);
    expect(await idsOf(jsonl('"question_id":"7"', '"question_id":"1"'))).toEqual(['7', '1']);
  });
  test('without ids rows are numbered, over all files', async () => {
    expect(await idsOf([jsonl('"x":1', '"x":1'), jsonl('"x":2')])).toEqual(['0', '1', '2']);
    expect(await idsOf([jsonl('"id":"1"'), jsonl('"x":2')])).toEqual(['1', 'row-1']);
    const both = [new File([jsonl('"x":1', '"x":1')], 'a.jsonl'), new File([jsonl('"id":1')], 'b.jsonl')];
    await expect(read(both)).rejects.toThrow(
      'b.jsonl, row 2, column id: the id 1 names another row, which has no id in its file (a.jsonl)',
    );
    await expect(read(jsonl('"id":null', '"id":"row-0"'))).rejects.toBeInstanceOf(DataError);
    expect(await idsOf(jsonl('"id":"row-1"', '"id":null'))).toEqual(['row-1', "row-1'"]);
  });
  test('what is no id is refused by row', async () => {
    const rejected: RejectedRow[] = [];
    const source = jsonl('"id":{"$oid":"5f"}', '"id":["a"]', '"id":true', '"id":1e400', '"id":1.50');
    expect(await idsOf(source, { reject: (one) => rejected.push(one) })).toEqual(['1e400', '1.50']);
    expect(rejected.map(({ reason }) => reason)).toEqual(['bad_id', 'bad_id', 'bad_id']);
  });
});

describe('texts that are not UTF-8', () => {
  // made by fixtures/odd_parquet.py: row 2 has 'caf\xe9' in Latin-1, row 1 a mark and UTF-8
  test.each(['bad_utf8_plain.parquet', 'bad_utf8_dictionary.parquet'])('%s', async (name) => {
    await expect(read(fixture(name))).rejects.toThrow(
      new RegExp(`^${name}, row 2, column response_b: byte 0xE9 after "caf" is not UTF-8; .*Windows-1252`),
    );
  });
  test('csv and JSON lines', async () => {
    const latin1 = (content: Uint8Array) => Uint8Array.from([...content].map((byte) => (byte === 0x7e ? 0xe9 : byte)));
    const lines = (value: string) => text(`id,prompt,response_a,response_b\n1,p,x,y\n2,"p\n",${value},y\n3,p,x,y\n`);
    await expect(read(latin1(lines('caf~')))).rejects.toThrow(
      /row 1, column response_a: byte 0xE9 after ".*caf" is not UTF-8/,
    );
    await expect(read(latin1(jsonl('"id":1', '"id":"caf~"')))).rejects.toThrow(/row 1, column id: byte 0xE9 after/);
    const utf16 = new Uint8Array(Buffer.from('\ufeffid,prompt,response_a,response_b\n1,p,x,y\n', 'utf16le'));
    await expect(read(utf16)).rejects.toThrow(/is text in UTF-16; save it as UTF-8/);
  });
});

describe('a name twice', () => {
  test.each<[string, Uint8Array, ReadOptions, RegExp]>([
    ['a column of CSV', text('id,prompt,prompt,response_a,response_b\n1,p,q,x,y\n'), {}, /column "prompt" twice/],
    ['a key of JSON', text(`{"id":1,"winner":"model_b",${rest}}\n`), {}, /row 0: the key "winner" stands twice/],
    [
      'your name beside the schema’s',
      text(`{"id":1,"best":"model_b",${rest}}\n`),
      { columns: { winner: 'best' } },
      /"best" is to be read as winner, but the file has a column "winner", too/,
    ],
    [
      'one name for two columns',
      text(`{${rest}}\n`),
      { columns: { winner: 'x', weight: 'x' } },
      /reads "x" both as winner and as weight/,
    ],
  ])('%s', async (_, content, options, message) => {
    await expect(read(content, options)).rejects.toThrow(message);
    await expect(read(content, options)).rejects.toBeInstanceOf(DataError);
  });
  test('names may be exchanged', async () => {
    const columns = { response_a: 'response_b', response_b: 'response_a' };
    expect((await read(text(`{${rest}}\n`), { columns }))[0]).toMatchObject({ responseA: ['y'], responseB: ['x'] });
  });
});
