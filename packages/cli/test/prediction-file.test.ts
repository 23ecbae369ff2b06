import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Battle, syntheticBattles } from '@arena/data';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writePredictions } from '../src/predict/prediction-file.js';

const BATTLES = syntheticBattles({ count: 23, dirt: 0, seed: 1 });
let folder: string;
let out: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'arena-predictions-'));
  out = join(folder, 'p.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

async function* stream(battles: Battle[]) {
  yield* battles;
}

const line = ({ id }: Battle) => JSON.stringify({ id, probabilityA: id.length / 100 });
const whole = `${BATTLES.map(line).join('\n')}\n`;

/** Scores, and fails at the window of that number. */
function scorer(failAt = Number.POSITIVE_INFINITY) {
  const seen: number[] = [];
  const score = async (battles: Battle[]) => {
    if (seen.length === failAt) throw new Error('power cut');
    seen.push(battles.length);
    return battles.map(line);
  };
  return { seen, score };
}

test('writes windows in order and gives the file its name at the end', async () => {
  const { seen, score } = scorer();
  await writePredictions(out, 'k', stream(BATTLES), score, { window: 10 });
  expect(seen).toEqual([10, 10, 3]);
  expect(await readFile(out, 'utf8')).toBe(whole);
  expect(await readdir(folder)).toEqual(['p.jsonl']);
  await expect(writePredictions(out, 'k', stream(BATTLES), score)).rejects.toThrow('exists already');
});

test('goes on where it was stopped, also in the middle of a line', async () => {
  await expect(writePredictions(out, 'k', stream(BATTLES), scorer(2).score, { window: 5 })).rejects.toThrow(
    'power cut',
  );
  await appendFile(`${out}.part`, line(BATTLES[10]).slice(0, 9));
  const { seen, score } = scorer();
  await writePredictions(out, 'k', stream(BATTLES), score, { window: 5 });
  expect(seen).toEqual([5, 5, 3]);
  expect(await readFile(out, 'utf8')).toBe(whole);
});

test('refuses what another run left', async () => {
  await expect(writePredictions(out, 'k', stream(BATTLES), scorer(1).score, { window: 5 })).rejects.toThrow();
  const { score } = scorer();
  await expect(writePredictions(out, 'other', stream(BATTLES), score)).rejects.toThrow(
    'another base, adapter or options',
  );
  await expect(writePredictions(out, 'k', stream(BATTLES.toReversed()), score)).rejects.toThrow('line 1 is of battle');
  await expect(writePredictions(out, 'k', stream(BATTLES.slice(0, 3)), score)).rejects.toThrow('5 lines for 3 battles');
  await rm(`${out}.part.key`);
  await writeFile(`${out}.part`, '');
  await expect(writePredictions(out, 'k', stream(BATTLES), score)).rejects.toThrow('another base');
});
