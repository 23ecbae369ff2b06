/** @file `arena sweep` through the built executable, which starts itself once a trial. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { latestCheckpoint } from '@arena/trainer/checkpoint';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSpace, trialsOf } from '../src/sweep/space.js';
import { type Workspace, workspace } from './workspace.js';

const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
let w: Workspace;

beforeAll(async () => {
  expect(existsSync(BIN), `${BIN} is missing: build first`).toBe(true);
  w = await workspace();
});
afterAll(() => rmSync(w.folder, { recursive: true }));

function space(name: string, content: object): string {
  writeFileSync(w.at(name), JSON.stringify(content));
  return w.at(name);
}

const shared = () => ({
  base: w.base,
  data: w.data,
  'first-layer': 1,
  'max-steps': 6,
  'max-tokens': 256,
  frame: 'compact',
  targets: 'q_proj',
  'save-every': 1,
});

function start(spacePath: string, out: string, ...more: string[]) {
  const child = spawn(process.execPath, [BIN, 'sweep', '--space', spacePath, '--out', w.at(out), ...more]);
  let [said, err] = ['', ''];
  child.stdout.on('data', (text) => (said += text));
  child.stderr.on('data', (text) => (err += text));
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, out: said, err })),
  );
  return { child, ended };
}

const results = (out: string) => JSON.parse(readFileSync(w.at(`${out}/results.json`), 'utf8'));

describe('a sweep', () => {
  const content = () => ({
    train: shared(),
    grid: { 'learning-rate': [1e-2, 1e-5] },
    random: { rank: { int: [2, 8] } },
    trials: 2,
  });

  test('leaves a table ranked by validation, and every trial as a run that stands alone', {
    timeout: 120_000,
  }, async () => {
    const { code, out, err } = await start(space('space.json', content()), 'swept', '--jobs', '2').ended;
    expect(err).toBe('');
    expect(code).toBe(0);
    const ranked = results('swept');
    expect(ranked.map(({ trial }: { trial: number }) => trial).sort()).toEqual([0, 1, 2, 3]);
    const losses = ranked.map(
      ({ validation }: { validation: { logLoss: { value: number } } }) => validation.logLoss.value,
    );
    expect(losses).toEqual([...losses].sort((a, b) => a - b));
    for (const { trial, flags, validation, test: tested } of ranked) {
      const folder = w.at(`swept/trial-00${trial + 1}`);
      expect(JSON.parse(readFileSync(`${folder}/run/run.json`, 'utf8'))).toMatchObject({
        rank: flags.rank,
        learningRate: flags['learning-rate'],
      });
      const accuracyIn = (file: string) =>
        JSON.parse(readFileSync(`${folder}/run/${file}`, 'utf8')).predictors.find(
          ({ name }: { name: string }) => name === 'model, both orders',
        ).accuracy;
      expect(accuracyIn('validation.json')).toEqual(validation.accuracy);
      expect(accuracyIn('metrics.json')).toEqual(tested.accuracy);
    }
    expect(out).toMatch(/\| trial \| learning-rate \| rank \| validation accuracy/);
    expect(
      readFileSync(w.at('swept/results.md'), 'utf8')
        .split('\n')
        .filter((line) => /^\| \d/.test(line)),
    ).toHaveLength(4);
    const again = await start(w.at('space.json'), 'swept').ended;
    expect(again.out.match(/\(as before\)/g)).toHaveLength(4);
    expect((await start(w.at('space.json'), 'swept', '--seed', '1').ended).err).toContain(
      'is of a sweep with another space or seed',
    );
  });

  test('that was stopped goes on to the same results', { timeout: 120_000 }, async () => {
    const path = space('space.json', content());
    const { child, ended } = start(path, 'stopped');
    while (!(await latestCheckpoint(w.at('stopped/trial-002/run'))))
      await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGTERM');
    expect((await ended).code).toBe(130);
    expect(existsSync(w.at('stopped/results.json'))).toBe(false);
    expect((await start(path, 'stopped').ended).code).toBe(0);
    expect(results('stopped')).toEqual(results('swept'));
  });

  test('a trial that fails is in the table, the others go on', async () => {
    const path = space('bad.json', { train: shared(), grid: { 'first-layer': [1, 9] } });
    const { code, err } = await start(path, 'failing').ended;
    expect(code).toBe(1);
    expect(err).toContain('1 of 2 trials failed');
    const [good, bad] = results('failing');
    expect(good.validation.accuracy.n).toBeGreaterThan(0);
    expect(bad).toMatchObject({ trial: 1, flags: { 'first-layer': 9 } });
    expect(bad.error).toContain('the base has');
  });

  test.each([
    [{ rank: [2, -1] }, 'trial 2: '],
    [{ 'lerning-rate': [1e-4] }, "trial 1: 'lerning-rate' is no flag of arena train; learning-rate is one"],
  ])('flags that arena train would refuse are refused before anything runs: %o', async (grid, message) => {
    const path = space('refused.json', { train: shared(), grid });
    const { code, err } = await start(path, 'refused').ended;
    expect(code).toBe(1);
    expect(err).toContain(`${path}: ${message}`);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(existsSync(w.at('refused'))).toBe(false);
  });
});

describe('the space', () => {
  test('draws keep to their ranges, and to their seed', async () => {
    const random = { a: ['x', 'y'], b: { uniform: [0.1, 0.3] }, c: { log: [1e-5, 1e-3] }, d: { int: [1, 3] } } as const;
    const parsed = await readSpace(space('random.json', { train: {}, random, trials: 200 }));
    const trials = trialsOf(parsed, 7);
    expect(trialsOf(parsed, 7)).toEqual(trials);
    expect(trialsOf(parsed, 8)).not.toEqual(trials);
    const all = (flag: string) => trials.map((flags) => flags[flag] as number);
    expect(new Set(all('a'))).toEqual(new Set(['x', 'y']));
    expect(new Set(all('d'))).toEqual(new Set([1, 2, 3]));
    for (const [flag, low, middle, high] of [
      ['b', 0.1, 0.2, 0.3],
      ['c', 1e-5, 1e-4, 1e-3],
    ] as const) {
      expect(Math.min(...all(flag))).toBeGreaterThanOrEqual(low);
      expect(Math.max(...all(flag))).toBeLessThanOrEqual(high);
      const below = all(flag).filter((value) => value < middle).length; // half of them, evenly or in the logarithm
      expect(below).toBeGreaterThan(75);
      expect(below).toBeLessThan(125);
    }
  });

  test.each<[object, string]>([
    [{ grid: { a: [1] } }, "'train' must hold the flags"],
    [{ train: {} }, "'grid' or 'random' must hold flags to vary"],
    [{ train: {}, grid: { a: 1 } }, "grid 'a' must be a list"],
    [{ train: {}, random: { a: { log: [0, 1] } }, trials: 1 }, "random 'a' must be a list, or"],
    [{ train: {}, random: { a: [1] } }, "'random' needs 'trials'"],
    [{ train: { out: 'x' }, grid: { a: [1] } }, "'out' is the sweep's own"],
    [{ train: {}, gird: {} }, "'gird' is not known"],
  ])('%o is refused', async (content, message) => {
    await expect(readSpace(space('refused.json', content))).rejects.toThrow(message);
  });
});
