/** @file Every public schema and format against the golden rows: texts, labels, rejects, flags, duplicates. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readRows, type Schema } from '@arena/data/read';
import { describe, expect, test } from 'vitest';

interface Expected {
  rows: Record<string, unknown>[];
  rejected: { row: number; reason: string }[];
}

const own = new URL('fixtures/', import.meta.url);
const shared = new URL('../../../../shared/fixtures/data/', import.meta.url);

async function check(folder: URL, file: string, schema?: Schema): Promise<void> {
  const expected: Expected = JSON.parse(readFileSync(new URL(`${file}.expected.json`, folder), 'utf8'));
  const rows: object[] = [];
  const rejected: object[] = [];
  for await (const read of readRows(new URL(file, folder), { schema, strictVotes: true, repeatedKeys: 'last' })) {
    if (read.battle) {
      const { session, ...battle } = read.battle; // the golden rows have no sessions
      rows.push(battle);
    } else rejected.push({ row: read.rejected.row, reason: read.rejected.reason });
  }
  expect(rejected).toEqual(expected.rejected);
  expect(rows).toEqual(expected.rows);
}

const filesOf = (folder: URL) =>
  existsSync(folder) ? readdirSync(folder).filter((file) => existsSync(new URL(`${file}.expected.json`, folder))) : [];

describe('small copies', () => {
  test.each(filesOf(own))('%s', (file) => check(own, file));
});

describe.skipIf(!existsSync(shared))('all of ../shared', () => {
  test.each(filesOf(shared))('%s', (file) => check(shared, file));
  const listed: { file: string; schema: Schema }[] = existsSync(shared)
    ? JSON.parse(readFileSync(new URL('case.json', shared), 'utf8')).files
    : [];
  test.each(listed)('$file, schema $schema given', ({ file, schema }) => check(shared, file, schema));
});

test('a category is read from its column, or from one that is named for it', async () => {
  const row = { id: '1', prompt: 'p', response_a: 'a', response_b: 'b', winner: 'tie', category: 'math', source: 's' };
  const bytes = new TextEncoder().encode(
    `${JSON.stringify(row)}\n${JSON.stringify({ ...row, id: '2', category: null })}\n`,
  );
  const { category, ...other } = row;
  const read = async (bytes: Uint8Array, columns?: { category: string }) => {
    const found: (string | undefined)[] = [];
    for await (const { battle } of readRows(bytes, { columns })) found.push(battle?.category);
    return found;
  };
  expect(await read(bytes)).toEqual(['math', undefined]);
  expect(await read(new TextEncoder().encode(JSON.stringify(other)), { category: 'source' })).toEqual(['s']);
  await expect(read(bytes, { category: 'source' })).rejects.toThrow(
    'the column "source" is to be read as category, but the file has a column "category", too',
  );
});

test('messages with images or parts of tools are no battles, or battles of what is left', async () => {
  const said = (answer: unknown) => [
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image', image: 'data:' },
      ],
    },
    { role: 'assistant', content: answer },
  ];
  const text = [
    { type: 'text', text: 'A' },
    { type: 'tool_call', name: 'look' },
    { type: 'text', text: 'cat' },
  ];
  const record = (a: unknown, b: unknown) => ({
    id: '1',
    model_a: 'm',
    model_b: 'n',
    conversation_a: said(a),
    conversation_b: said(b),
    winner: 'model_a',
  });
  const bytes = new TextEncoder().encode(`${JSON.stringify(record(text, 'A dog'))}\n`);
  const read = async (nonText?: 'reject' | 'leave-out') => {
    for await (const { battle, rejected } of readRows(bytes, { nonText })) return battle ?? rejected;
  };
  expect(await read()).toMatchObject({ reason: 'non_text_content' });
  expect(await read('leave-out')).toMatchObject({
    prompt: ['What is this?'],
    responseA: ['A\ncat'],
    responseB: ['A dog'],
    flags: ['non_text_left_out'],
  });
});

test('a line of JSON of more than 16 MiB ends the reading', async () => {
  const line = `{"prompt":"${'x'.repeat(16 * 2 ** 20)}"`;
  const first = async () => {
    for await (const row of readRows(new TextEncoder().encode(line))) return row;
  };
  await expect(first()).rejects.toThrow('a line of more than 16777216 bytes; is this JSON lines?');
});
