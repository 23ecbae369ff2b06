/** @file Area data: every file of every schema, row by row, with its flags, duplicates and rejected rows. */
import { readRows, type Schema } from '@arena/data/read';
import { type Case, type Check, readBytes, readJson, same } from './case.js';

interface Expected {
  rows: Record<string, unknown>[];
  rejected: { row: number; reason: string }[];
}

export async function dataCase(one: Case): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { file, schema } of one.json.files as { file: string; schema: Schema }[]) {
    const expected = await readJson<Expected>(one, `${file}.expected.json`);
    const content = new File([(await readBytes(one, file)) as Uint8Array<ArrayBuffer>], file);
    // The schema is recognised from the content, and given: both must read alike.
    for (const given of [undefined, schema]) {
      const name = given ? `${file} as ${given}` : file;
      const rows: Record<string, unknown>[] = [];
      const rejected: Expected['rejected'] = [];
      for await (const { battle, rejected: out } of readRows(content, {
        schema: given,
        strictVotes: true,
        repeatedKeys: 'last',
      })) {
        if (battle) {
          const { session: _, ...fields } = battle; // the expected rows have none
          rows.push(fields);
        } else rejected.push({ row: out.row, reason: out.reason });
      }
      checks.push(same(`${name}: rejected`, rejected, expected.rejected));
      checks.push(same(`${name}: number of rows`, rows.length, expected.rows.length));
      expected.rows.forEach((row, i) => {
        checks.push(same(`${name}: row ${row.row}`, sorted(rows[i] ?? {}), sorted(row)));
      });
    }
  }
  return checks;
}

function sorted(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
}
