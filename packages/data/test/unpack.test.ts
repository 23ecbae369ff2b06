/** @file Packed files, folders with other files in them, and lists of older Parquet writers. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Battle, DataError, readBattles } from '@arena/data';
import { bytesSource } from '@arena/files';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { byScript, unpacked } from '../src/read/unpack.js';

const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url);
const bytesOf = (name: string) => new Uint8Array(readFileSync(fixture(name)));
const text = (content: string) => new TextEncoder().encode(content);
const line = (id: number) =>
  `${JSON.stringify({ id, prompt: `p${id}`, response_a: 'x', response_b: 'y', winner: id % 2 ? 'model_a' : 'model_b' })}\n`;

async function read(source: string | Uint8Array | URL, passed: string[] = []): Promise<Battle[]> {
  const battles: Battle[] = [];
  for await (const battle of readBattles(source, { passedBy: (file) => passed.push(file) })) battles.push(battle);
  return battles;
}

const ways = { 'by Node': unpacked, 'in JavaScript, as in browsers': byScript };

describe.each(Object.entries(ways))('gzip %s', (_, unpack) => {
  async function content(packed: Uint8Array, part?: number): Promise<Uint8Array> {
    const whole = bytesSource(packed, 'x.gz');
    const source = part === undefined ? whole : { ...whole, stream: () => inParts(packed, part) };
    const parts: Uint8Array[] = [];
    for await (const one of unpack(source, 'gzip')) parts.push(one);
    return new Uint8Array(Buffer.concat(parts));
  }
  async function* inParts(bytes: Uint8Array, size: number) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const members = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 4 });

  test('several members are one content, in any parts', async () => {
    await fc.assert(
      fc.asyncProperty(members, fc.integer({ min: 1, max: 60 }), async (parts, size) => {
        const packed = new Uint8Array(Buffer.concat(parts.map((part) => gzipSync(part))));
        expect(await content(packed, size)).toEqual(new Uint8Array(Buffer.concat(parts)));
      }),
      { numRuns: 60 },
    );
  });
  test('a cut or a changed byte is never passed over', async () => {
    const packed = new Uint8Array(Buffer.concat([gzipSync(line(1)), gzipSync(line(2))]));
    const want = text(line(1) + line(2));
    const firstEnds = gzipSync(line(1)).length;
    for (let at = 1; at < packed.length; at++) {
      if (at !== firstEnds) await expect(content(packed.subarray(0, at)), `cut at ${at}`).rejects.toThrow();
      const changed = packed.slice();
      changed[at] ^= 0x10;
      // flags, times and systems in the headers are not checked by anybody
      const got = await content(changed).catch(() => undefined);
      if (got) expect(got, `byte ${at}`).toEqual(want);
    }
    await expect(content(Uint8Array.from([...packed, ...text('and so on, for a while')]))).rejects.toThrow();
  });
});

test('zeros pad a gzip, other bytes do not', async () => {
  const packed = [...gzipSync(line(1))];
  expect(await read(Uint8Array.from([...packed, 0, 0, 0]))).toHaveLength(1);
  await expect(read(Uint8Array.from([...packed, 0, 0, ...packed]))).rejects.toThrow(/bytes follow its end/);
});

describe('Zstandard', () => {
  test('frames, with others between them', async () => {
    expect((await read(bytesOf('two-frames.jsonl.zst'))).map(({ id }) => id)).toEqual(['z0', 'z1', 'z2']);
    expect(await read(fixture('votes.jsonl.zst'))).toHaveLength(12);
  });
  test('cut short or damaged', async () => {
    const packed = bytesOf('two-frames.jsonl.zst');
    for (const end of [packed.length - 1, packed.length - 20, 40]) {
      await expect(read(packed.subarray(0, end))).rejects.toThrow(/not valid Zstandard.*download complete/);
    }
    await expect(read(Uint8Array.from([...packed, ...text('and so on, for a while')]))).rejects.toThrow(DataError);
  });
});

test('a packed file of another kind is named', async () => {
  const tar = new Uint8Array(1024);
  tar.set(text('ustar'), 257);
  await expect(read(new Uint8Array(gzipSync(tar)))).rejects.toThrow(/is a tar archive; unpack it: tar -xf/);
});

describe('folders', () => {
  let folder = '';
  const put = (name: string, content: string | Uint8Array) => writeFileSync(join(folder, name), content);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'arena-data-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('hidden files and those without votes are passed by, and said', async () => {
    put('part-1.csv', `id,prompt,response_a,response_b,winner\n1,p,x,y,model_a\n`);
    put('._part-1.csv', '\0\x05\x16\x07');
    put('.part-1.csv.crc', 'crc');
    put('_SUCCESS', '');
    put('_metadata.json', '{}');
    put('dataset_infos.json', JSON.stringify({ default: { features: {} } }, null, 2));
    put('sample_submission.csv', 'id,winner_model_a,winner_model_b,winner_tie\n1,0.3,0.3,0.4\n');
    put('README.md', '# Votes');
    mkdirSync(join(folder, 'more.parquet'));
    writeFileSync(join(folder, 'more.parquet', 'part-0.jsonl'), line(2));
    const passed: string[] = [];
    expect((await read(folder, passed)).map(({ id }) => id)).toEqual(['2', '1']);
    expect(passed).toEqual(['dataset_infos.json', 'sample_submission.csv']);
  });
  test('a damaged file is an error, and so is a folder of other files only', async () => {
    put('a.jsonl', line(1));
    put('b.parquet', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
    await expect(read(folder)).rejects.toThrow(/b\.parquet: is a Git LFS pointer.*git lfs pull/);
    rmSync(join(folder, 'b.parquet'));
    rmSync(join(folder, 'a.jsonl'));
    put('submission.csv', 'id,score\n1,2\n');
    await expect(read(folder)).rejects.toThrow(/submission\.csv: columns id, score are of no known schema/);
  });
  test('a folder in which nothing is read says what there is', async () => {
    put('state.txt', '{}');
    mkdirSync(join(folder, 'data'));
    await expect(read(folder)).rejects.toThrow(/the folder has no .*it has the folders data: name one of them/);
    put('data-00000-of-00001.arrow', Buffer.from('ffffffff7002000010000000000000000a00', 'hex'));
    await expect(read(folder)).rejects.toThrow(/\.arrow: is an Arrow stream.*load_from_disk/);
  });
});

test.each(['lists_hive.parquet', 'lists_avro.parquet'])('%s: role and content in place', async (name) => {
  const battles = await read(fixture(name));
  expect(battles).toHaveLength(12);
  expect(battles[0]).toMatchObject({
    prompt: ['Explain tides to a friend, version 0.'],
    responseA: ['Tides in short: point 0, then point 1.'],
    responseB: ['I would say that tides matter because of 0 reasons.'],
    winner: 'b',
  });
});

test("JSON as Python writes it: NaN where nobody reads it, and in a winner's place", async () => {
  const rows = `{"note": NaN, "prompt": "is 0/0 NaN?", "response_a": "x", "response_b": "y", "winner": "model_a"}\n`;
  expect(await read(text(rows))).toMatchObject([{ prompt: ['is 0/0 NaN?'], winner: 'a' }]);
});
