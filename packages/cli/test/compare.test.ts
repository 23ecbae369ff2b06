/** @file `arena compare` on predictions files and folders. */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arena, BATTLES, type Workspace, workspace } from './workspace.js';

let w: Workspace;
const decided = BATTLES.filter(
  ({ winner, id }, i) => winner !== 'tie' && winner !== null && BATTLES.findIndex((other) => other.id === id) === i,
).slice(0, 100);
/** Right on all but each `wrong`th battle. */
const lines = (wrong: number, battles = decided) =>
  battles.map(({ id, winner }, i) => ({ id, probabilityA: (winner === 'a') === i % wrong > 0 ? 0.7 : 0.3, winner }));
const jsonl = (rows: object[]) => `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`;

beforeAll(async () => {
  w = await workspace();
  await mkdir(w.at('one'));
  await writeFile(w.at('one/predictions.jsonl'), jsonl(lines(4)));
  await writeFile(w.at('two.jsonl'), jsonl(lines(2)));
  const csv = lines(10).map(({ id, probabilityA }) => `${id},${probabilityA}`);
  await writeFile(w.at('three.csv'), `id,probabilityA\n${csv.toReversed().join('\n')}\n`);
});
afterAll(() => rm(w.folder, { recursive: true, force: true }));

test('a folder and a file: table, pair and lead; without --data it says what that means', async () => {
  const { out, code } = await arena('compare', w.at('one'), w.at('two.jsonl'));
  expect(code).toBe(0);
  expect(out).toContain(
    'one is right most often, on 75.0 % of 100 battles; two.jsonl follows with 50.0 %: a clear difference.',
  );
  expect(out).toMatch(/\| one \| two\.jsonl \| \+25\.0 \[\+\d+\.\d, \+\d+\.\d\] \|/);
  expect(out).toContain('The prompts are not known');
});

test('--cascade: what asking the second where the first is not certain gives', async () => {
  const { out, code } = await arena('compare', w.at('two.jsonl'), w.at('one'), '--cascade');
  expect(code).toBe(0);
  expect(out).toContain('**two.jsonl, and one where two.jsonl is not certain**');
  expect(out).toMatch(/\| 0.0 % \| never \| 50.0 % \|/);
  expect(out).toMatch(/\| 100.0 % \| 0\.200 \| 75.0 % \|/);
});

test('with --data and --out: a csv too, and three files', async () => {
  const run = await arena(
    'compare',
    w.at('one'),
    w.at('two.jsonl'),
    w.at('three.csv'),
    '--data',
    w.data,
    '--out',
    w.at('out'),
  );
  expect(run.code).toBe(0);
  expect((await readdir(w.at('out'))).sort()).toEqual(['comparison.html', 'comparison.json', 'comparison.md']);
  const { runs, pairs, data } = JSON.parse(await readFile(w.at('out/comparison.json'), 'utf8'));
  expect(runs.map(({ accuracy }: { accuracy: { value: number } }) => accuracy.value)).toEqual([0.75, 0.5, 0.9]);
  expect(pairs.length).toBe(3);
  expect(data).toMatchObject({ battles: 100, n: 100 });
  expect(run.out).not.toContain('not known without');
  const again = await arena('compare', w.at('one'), w.at('two.jsonl'), '--out', w.at('out'));
  expect(again.err).toMatch(/holds comparison\.html/);
});

test('bad input: one line, and no folder left', async () => {
  const refused = async (message: RegExp, ...argv: string[]) => {
    const { code, err } = await arena('compare', ...argv, '--out', w.at('never'));
    expect(err).toMatch(message);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(1);
    expect(existsSync(w.at('never'))).toBe(false);
  };
  const file = async (name: string, text: string) => {
    await writeFile(w.at(name), text);
    return w.at(name);
  };
  const one = w.at('one');
  await refused(/one run is given/, one);
  await refused(/nowhere: cannot be read \(ENOENT\); a folder with predictions\.jsonl/, one, w.at('nowhere'));
  await refused(/missing required argument|one run/, one);
  const fewer = await file('fewer.jsonl', jsonl(lines(3, decided.slice(1))));
  await refused(/1 of its 100 battles .* are not in .*fewer\.jsonl; --common compares the 99/, one, fewer);
  expect((await arena('compare', one, fewer, '--common')).out).toContain('of 99 battles');
  const twice = await file('twice.jsonl', jsonl([...lines(3), lines(3)[0]]));
  await refused(/twice\.jsonl: prediction 101 has the id .* of an earlier one/, one, twice);
  const other = await file('other.jsonl', jsonl(lines(3).map((row) => ({ ...row, id: `x${row.id}` }))));
  await refused(/no battle is in all of them; are they of the same data/, one, other);
  const flipped = await file('flipped.jsonl', jsonl(lines(3).map((row) => ({ ...row, winner: 'tie' }))));
  await refused(/says winner [ab], .*flipped\.jsonl says tie; they are of different data/, one, flipped);
  await refused(/three\.csv: its lines have no winner; give the votes with --data/, one, w.at('three.csv'));
  await refused(/empty\.jsonl: there is no prediction/, one, await file('empty.jsonl', ''));
  await refused(
    /nan\.jsonl: predictions row 1: probabilityA is "x"/,
    one,
    await file('nan.jsonl', '{"id":"1","probabilityA":"x"}'),
  );
  const few = await w.votes('few.jsonl', decided.slice(5));
  await refused(/few\.jsonl: 5 of the 100 predicted battles .* are not in it/, one, w.at('two.jsonl'), '--data', few);
  const doubled = await w.votes('doubled.jsonl', [...decided, decided[0]]);
  await refused(/two battles have the id/, one, w.at('two.jsonl'), '--data', doubled);
});
