/** @file Every recipe in examples/recipes is one that `arena train --config` takes, down to its own labels and optimizer. */
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadCheckpoint } from '@arena/trainer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { arena, type Workspace, workspace } from './workspace.js';

const RECIPES = fileURLToPath(new URL('../../../examples/recipes/', import.meta.url));
const NAMES = readdirSync(RECIPES).filter((name) => name.endsWith('.json'));
let w: Workspace;

beforeAll(async () => {
  w = await workspace();
});
afterAll(() => rm(w.folder, { recursive: true }));

test('there are the reference, an improved one and a reward model', () => {
  expect(NAMES.sort()).toEqual(['improved.json', 'reference.json', 'reward-model.json']);
});

/** What stands in the way of two steps on the tiny base: sizes and cadence, nothing of the recipe's kind. */
const SMALL = [
  '--max-steps',
  '2',
  '--eval-every',
  '2',
  '--save-every',
  '2',
  '--max-tokens',
  '256',
  '--frame',
  'compact',
];

test.each(NAMES)('%s trains two steps of the tiny base', async (name) => {
  const recipe = JSON.parse(readFileSync(`${RECIPES}${name}`, 'utf8'));
  const first = Math.min(1, recipe['first-layer']); // the tiny base has two layers
  const own = ['--first-layer', String(first), '--base', w.base, '--data', w.data, '--out', w.at(name)];
  const run = await arena('train', '--config', `${RECIPES}${name}`, ...own, ...SMALL);
  expect(run.err).not.toContain('arena train:');
  expect(run.code).toBe(0);
  const settings = JSON.parse(await readFile(w.at(`${name}/run.json`), 'utf8'));
  for (const [flag, value] of Object.entries(recipe)) {
    const key = flag.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
    const overridden = ['base', 'maxTokens', 'frame', 'firstLayer', 'evalEvery', 'saveEvery', 'keep'].includes(key);
    if (!overridden) expect(settings[key], flag).toEqual(key === 'targets' ? String(value).split(',') : value);
  }
  const { step, log } = await loadCheckpoint(w.at(`${name}/checkpoint-2`));
  expect(step).toBe(2);
  expect(log.every(({ loss }) => loss > 0.3 && loss < 1.5)).toBe(true); // a new head is near ln 2
});

/** What makes a run of a named recipe small enough for the tiny base. */
const TINY = ['--max-steps', '2', '--save-every', '1', '--max-tokens', '256', '--frame', 'compact', '--dropout', '0'];

test('--recipe comes before the defaults, a flag before the recipe, and the run resumes', async () => {
  const given = ['--recipe', 'small-base', '--base', w.base, '--data', w.data, '--out', w.at('named'), ...TINY];
  const run = await arena('train', ...given);
  expect(run.err).not.toContain('arena train:');
  expect(run.code).toBe(0);
  const settings = JSON.parse(await readFile(w.at('named/run.json'), 'utf8'));
  expect(settings).toMatchObject({ recipe: 'small-base', loss: 'bradley-terry', firstLayer: 0, evalEvery: 0.2 });
  expect(settings).toMatchObject({ maxTokens: 256, frame: 'compact', dropout: 0, weightDecay: 0.01 });
  expect(settings.targets).toHaveLength(7);
  const again = await arena('train', ...given, '--resume');
  expect(again.err).not.toContain('arena train:');
  expect(again.out).toContain('going on from step 2');
  const other = await arena('train', ...given, '--rank', '4', '--resume');
  expect(other.err).toContain('--resume needs the settings of the run: rank 16 -> 4');
});

test('an unknown recipe is refused with the known ones', async () => {
  const run = await arena('train', '--recipe', 'best', '--base', w.base, '--data', w.data, '--out', w.at('none'));
  expect(run.code).toBe(1);
  expect(run.err).toMatch(/'best' is invalid. Allowed choices are small-base, reference/);
});
