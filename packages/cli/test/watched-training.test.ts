import { readdir, readFile, rm } from 'node:fs/promises';
import { loadCheckpoint } from '@arena/trainer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arena, QUICK, type Run, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let run: Run;
const WATCH = ['--eval-every', '2', '--metric', 'accuracy', '--save-every', '2', '--tensorboard', '--swap-augment'];

beforeAll(async () => {
  w = await workspace();
  const flags = [...QUICK, ...WATCH, '--max-steps', '8', '--lora-plus', '4', '--dashboard', '--profile'];
  run = await arena('train', '--base', w.base, '--data', w.data, '--out', w.at('run'), ...flags);
});
afterAll(() => rm(w.folder, { recursive: true }));

const lines = async (path: string) =>
  (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { step: number; eval_loss?: number; eval_accuracy?: number });

describe('a run that is measured while it trains', () => {
  test('logs the validation part and ends with the best weights', async () => {
    expect(run.err).not.toContain('arena train:');
    expect(run.code).toBe(0);
    const measured = (await lines(w.at('run/log.jsonl'))).filter((line) => line.eval_loss !== undefined);
    expect(measured.map(({ step }) => step)).toEqual([2, 4, 6, 8]);
    const best = Math.max(...measured.map((line) => line.eval_accuracy!));
    const first = measured.find((line) => line.eval_accuracy === best)!;
    expect(run.out).toContain(`weights of step ${first.step}, the best by validation accuracy: ${best.toFixed(4)}`);
    expect(run.out).toMatch(/dashboard: http:\/\/127\.0\.0\.1:\d+\//);
  });

  test('says where the time went: shares of all of it', async () => {
    const table = run.out.slice(run.out.indexOf('op      '), run.out.indexOf('adapter written'));
    expect(table).toMatch(/^op +calls +seconds +share\n/);
    expect(table).toMatch(/\n[A-Z]\w+ +\d+ /); // which ops are large enough for a line of their own depends on the machine
    const shares = [...table.matchAll(/(-?\d+\.\d) %/g)].map(([, share]) => Number(share));
    expect(shares.length).toBeGreaterThan(3);
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(100, 0);
    for (const share of shares) expect(share).toBeGreaterThanOrEqual(0);
  });

  test('keeps the newest two checkpoints and an event file', async () => {
    const names = await readdir(w.at('run'));
    expect(names.filter((name) => name.startsWith('checkpoint')).sort()).toEqual(['checkpoint-6', 'checkpoint-8']);
    const [events] = await readdir(w.at('run/tensorboard'));
    const text = await readFile(w.at(`run/tensorboard/${events}`), 'latin1');
    expect(text.split('train/loss')).toHaveLength(9);
    expect(text.split('eval/accuracy')).toHaveLength(5);
  });

  test('its checkpoint goes to transformers', async () => {
    const out = w.at('hf/checkpoint-6');
    const exported = await arena('export', '--checkpoint', w.at('run/checkpoint-6'), '--out', out);
    expect(exported).toMatchObject({ code: 0, err: '' });
    expect(exported.out).toContain('step 6 of 8');
    const ours = await loadCheckpoint(w.at('run/checkpoint-6'));
    const theirs = await loadCheckpoint(out); // reads optimizer.pt
    expect(theirs.optimizer.moments.get('0.exp_avg')!.data).toEqual(
      ours.optimizer.moments.get(`${ours.parameters![0]}.exp_avg`)!.data,
    );
    const again = await arena('export', '--checkpoint', out, '--out', w.at('hf/twice'));
    expect(again.err).toContain('does not say the settings of the run');
  });

  test('--patience without measurements is refused', async () => {
    const files = ['--base', w.base, '--data', w.data, '--out', w.at('none')];
    const { code, err } = await arena('train', ...files, ...QUICK, '--patience', '2');
    expect(code).toBe(1);
    expect(err).toContain('--patience needs --eval-every');
  });
});
