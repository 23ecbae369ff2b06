/** @file `arena report` on predictions that other tools wrote. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arena, BATTLES, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let votes: string;
const decided = BATTLES.filter(
  ({ winner, id }, i) => winner !== 'tie' && winner !== null && BATTLES.findIndex((other) => other.id === id) === i,
);
const [judged, others] = [decided.slice(0, 60), decided.slice(60)];
/** Right on two of three battles, in another order than the votes. */
const judgements = judged
  .map(({ id, winner }, i) => ({ id, right: i % 3 > 0, side: winner === 'a' ? 1 : -1 }))
  .toReversed();

beforeAll(async () => {
  w = await workspace();
  votes = await w.votes('judged.jsonl', decided);
});
afterAll(() => rm(w.folder, { recursive: true, force: true }));

const accuracies = async (out: string) => {
  const { predictors } = JSON.parse(await readFile(w.at(`${out}/metrics.json`), 'utf8'));
  return Object.fromEntries(
    predictors.map(({ name, accuracy }: { name: string; accuracy: { value: number; n: number } }) => [name, accuracy]),
  );
};

test('rewards of a csv: each prediction meets its own vote; baselines need votes to be fitted on', async () => {
  const rows = judgements.map(({ id, right, side }) => `${id},${right ? side : -side},0`);
  await writeFile(w.at('judge.csv'), `question,chosen,other\n${rows.join('\n')}\n`);
  const flags = ['--data', votes, '--columns', 'id=question,rewards=chosen:other'];
  expect((await arena('report', w.at('judge.csv'), ...flags, '--out', w.at('r1'))).code).toBe(0);
  expect((await readdir(w.at('r1'))).sort()).toEqual(['metrics.json', 'predictions.jsonl', 'report.html', 'report.md']);
  const alone = await accuracies('r1');
  expect(alone.model).toMatchObject({ value: 40 / 60, n: 60 });
  expect(alone['tf-idf']).toBeUndefined();
  const lines = (await readFile(w.at('r1/predictions.jsonl'), 'utf8')).trim().split('\n');
  const told = new Map(judgements.map(({ id, right, side }) => [id, right ? side : -side]));
  for (const { id, winner, probabilityA } of lines.map((line) => JSON.parse(line))) {
    expect(winner).toBe(judged.find((battle) => battle.id === id)!.winner);
    expect(probabilityA).toBeCloseTo(1 / (1 + Math.exp(-told.get(id)!)), 12);
  }

  const train = await w.votes('train.jsonl', [...others, ...judged.slice(0, 5)]);
  const run = await arena('report', w.at('judge.csv'), ...flags, '--train', train, '--out', w.at('r2'));
  expect(run.out).toMatch(/^[1-5] battles to fit baselines on are predicted ones: left out/); // cleaning may take repeated ones first
  expect((await accuracies('r2'))['tf-idf'].n).toBe(60);
});

test('a prepared folder lends its training part; classes and both orders', async () => {
  expect(
    (await arena('prepare', '--data', w.data, '--tokenizer', w.base, '--max-tokens', '256', '--out', w.at('ready')))
      .code,
  ).toBe(0);
  const { test: ids } = JSON.parse(await readFile(w.at('ready/splits.json'), 'utf8'));
  const winner = new Map(BATTLES.map((battle) => [battle.id, battle.winner]));
  const rows = ids.map((id: string) => ({
    id,
    ...(winner.get(id) === 'a' ? { a: 0.6, b: 0.2 } : { a: 0.2, b: 0.6 }),
    t: 0.2,
  }));
  await writeFile(w.at('classes.jsonl'), rows.map((row: object) => `${JSON.stringify(row)}\n`).join(''));
  const flags = ['--data', w.at('ready'), '--columns', 'id=id,classes=a:b:t', '--out', w.at('r3')];
  expect((await arena('report', w.at('classes.jsonl'), ...flags)).code).toBe(0);
  const got = await accuracies('r3');
  expect(got.model.value).toBe(1);
  expect(got.style.n).toBe(got.model.n);
  const [first] = (await readFile(w.at('r3/predictions.jsonl'), 'utf8'))
    .split('\n')
    .map((line) => line && JSON.parse(line));
  expect(first.probabilityA).toBeCloseTo(first.winner === 'a' ? 0.7 : 0.3, 12);
});

test('ids of 64 bits meet their own votes, from every format', async () => {
  const ids = Array.from({ length: 12 }, (_, i) => String(2n ** 53n + 1n + BigInt(i)));
  const lines = ids.map((id, i) => {
    const texts = `"prompt":"p${i}","response_a":"x","response_b":"y"`;
    return `{"id":${id},${texts},"winner":"${i % 2 ? 'model_a' : 'model_b'}"}\n`;
  });
  await writeFile(w.at('ids.jsonl'), lines.join(''));
  const cells = ids.map((id, i) => `${id},p${i},x,y,${i % 2 ? 'model_a' : 'model_b'}\n`);
  await writeFile(w.at('ids.csv'), `id,prompt,response_a,response_b,winner\n${cells.join('')}`);
  const said = (i: number) => (i % 2 ? 0.9 : 0.2);
  await writeFile(w.at('p.jsonl'), ids.map((id, i) => `{"id":${id},"probabilityA":${said(i)}}\n`).join(''));
  await writeFile(w.at('p.csv'), `id;probabilityA\r\n${ids.map((id, i) => `${id};${said(i)}\r\n`).join('')}`);
  await writeFile(w.at('p.csv.gz'), gzipSync(await readFile(w.at('p.csv'))));
  for (const data of ['ids.jsonl', 'ids.csv']) {
    for (const predictions of ['p.jsonl', 'p.csv', 'p.csv.gz']) {
      const out = `ids-${data}-${predictions}`;
      const run = await arena('report', w.at(predictions), '--data', w.at(data), '--out', w.at(out));
      expect(run.code, run.err).toBe(0);
      expect((await accuracies(out)).model).toMatchObject({ value: 1, n: 12 });
    }
  }
});

test('bad input: one line, and no folder left', async () => {
  await writeFile(w.at('fine.csv'), `id,probabilityA\n${judged[0].id},0.5\n`);
  for (const [columns, message] of [
    ['id=a', /id, and one of probabilityA, classes and rewards, are needed/],
    ['id=a,rewards=b', /"rewards=b" is none of/],
    ['id=a,probabilityA=b,rewards=c:d', /id, and one of/],
    ['ids=a', /"ids=a" is none of/],
    ['id=nothing,probabilityA=probabilityA', /fine\.csv: predictions row 2: column "nothing" holds no id/],
  ] as const) {
    const run = await arena('report', w.at('fine.csv'), '--data', votes, '--columns', columns, '--out', w.at('never'));
    expect(run.err).toMatch(message);
    expect(run.code).toBe(1);
    expect(existsSync(w.at('never'))).toBe(false);
  }
  await writeFile(w.at('unknown.csv'), 'id,probabilityA\nx,0.5\n');
  expect((await arena('report', w.at('unknown.csv'), '--data', votes, '--out', w.at('never'))).err).toMatch(
    /1 of the 1 predicted battles \(the first "x"\) are not in it/,
  );
});
