/**
 * @file What an earlier version left opens, predicts and resumes: fixtures/earlier-runs was written by the command as it was before
 * @arena/judge and @arena/decoder (a base, votes, two runs that were stopped after step 2 of 4, a prepared folder, and its figures).
 */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { arena } from './workspace.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'arena-earlier-'));
  await cp(fileURLToPath(new URL('./fixtures/earlier-runs', import.meta.url)), folder, { recursive: true });
  process.chdir(folder); // the runs name their base and votes from there
});
afterAll(async () => {
  process.chdir('/');
  await rm(folder, { recursive: true });
});

const ENGINE = ['--engine', 'wasm', '--threads', '1'];
const SETTINGS = [
  ...[
    '--base',
    'base',
    '--max-tokens',
    '96',
    '--frame',
    'compact',
    '--rank',
    '2',
    '--alpha',
    '4',
    '--first-layer',
    '1',
  ],
  ...['--batch-size', '4', '--max-steps', '4', '--learning-rate', '1e-2', ...ENGINE],
];

/** Lines of JSON, numbers rounded so that one CPU's fused multiply-add does not tell it from another. */
async function lines(path: string): Promise<unknown[]> {
  const text = await readFile(join(folder, path), 'utf8');
  const round = (_: string, value: unknown) => (typeof value === 'number' ? Number(value.toFixed(4)) : value);
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line, round) as unknown);
}

describe.each([
  ['classes', []],
  ['reward', ['--loss', 'bradley-terry']],
])('a run with a head of kind %s', (kind, loss) => {
  test('its adapter gives the probabilities that it gave', async () => {
    const words = [
      '--base',
      'base',
      '--adapter',
      `${kind}/adapter`,
      '--data',
      'votes.jsonl',
      '--out',
      `${kind}.now.jsonl`,
    ];
    const { code, err } = await arena('predict', ...words, ...ENGINE);
    expect(code, err).toBe(0);
    expect(await lines(`${kind}.now.jsonl`)).toEqual(await lines(`${kind}.predictions.jsonl`));
  });

  test('it goes on from its checkpoint to the end that it had', async () => {
    const [log, predictions] = [await lines(`${kind}/log.jsonl`), await lines(`${kind}/predictions.jsonl`)];
    expect(log).toHaveLength(4);
    const words = [...SETTINGS, ...loss, '--data', 'votes.jsonl', '--out', kind, '--save-every', '2', '--resume'];
    const { code, out, err } = await arena('train', ...words);
    expect(code, err).toBe(0);
    expect(out).toContain('going on from step 2');
    expect(await lines(`${kind}/log.jsonl`)).toEqual(log);
    expect(await lines(`${kind}/predictions.jsonl`)).toEqual(predictions);
  });
});

test('a prepared folder trains as it did', async () => {
  const { code, out, err } = await arena('train', ...SETTINGS, '--data', 'prepared', '--out', 'anew');
  expect(code, err).toBe(0);
  expect(out).toContain('tokens as prepared');
  expect(await lines('anew/log.jsonl')).toEqual(await lines('on-prepared.log.jsonl'));
});
