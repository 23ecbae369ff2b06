/** @file An adapter made as the browser page makes it, with the same functions and settings, says in the command what it said there. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type Battle, cleanBattles } from '@arena/data';
import { bytesFolder } from '@arena/files';
import { type GivenSettings, memoryStore, openJudge, tinyBaseFor, trainJudge } from '@arena/judge';
import { meanOfOrders, openBase, readJudge } from '@arena/judge/run';
import { splitVotes } from '@arena/judge/votes';
import { openEngine } from '@arena/runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formFor, settingsOf } from '../../../examples/browser/src/worker/settings.js';
import { arena, BATTLES, type Workspace, workspace } from './workspace.js';

const { battles } = cleanBattles(BATTLES);
const parts = splitVotes(battles, { seed: 42 });
const SOME = parts.test.slice(0, 12);
let w: Workspace;

beforeAll(async () => {
  w = await workspace();
  await w.votes('some.jsonl', SOME);
});
afterAll(() => rm(w.folder, { recursive: true }));

/** Trains on the page's tiny base with its settings, and leaves base and adapter as folders. Gives P(A) of the battles. */
async function onPage(name: string, more: Partial<GivenSettings>): Promise<number[]> {
  const files = tinyBaseFor(battles, { hiddenSize: 64, layers: 4 });
  const engine = await openEngine('wasm', { threads: 1 });
  const base = await openBase(bytesFolder(files), 'tiny base of random weights');
  const { hiddenSize } = base.config;
  const form = { ...formFor({ hiddenSize, parameters: 1e6 }).form, learningRate: 1e-2 };
  const names = { base: base.name, hiddenSize, votes: 'votes', battles: parts.train.length };
  const { settings } = settingsOf(form, names);
  const store = memoryStore();
  const run = await trainJudge({ parts }, { ...settings, ...more }, store, { base });
  await write(`${name}/base`, files);
  await write(`${name}/adapter`, await run.judge.files());
  await run.judge.dispose();
  // as the page opens what it has kept
  const judge = await openJudge(base, await readJudge(store.location('adapter')));
  const said = (await judge.predictMany(SOME)).map(meanOfOrders);
  await judge.dispose();
  engine.dispose();
  return said;
}

async function write(folder: string, files: Record<string, Uint8Array>): Promise<void> {
  await mkdir(w.at(folder), { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(w.at(`${folder}/${name}`), bytes);
}

async function inCommand(name: string): Promise<number[]> {
  const flags = ['--base', w.at(`${name}/base`), '--adapter', w.at(`${name}/adapter`), '--both-orders'];
  const { out, err } = await arena('predict', ...flags, '--data', w.at('some.jsonl'));
  expect(err).toBe('');
  const lines = out.trim().split('\n').map((line) => JSON.parse(line) as { id: string; probabilityA: number }); // biome-ignore format: a chain
  expect(lines.map(({ id }) => id)).toEqual(SOME.map(({ id }: Battle) => id));
  return lines.map(({ probabilityA }) => probabilityA);
}

const gap = (one: number[], other: number[]) => Math.max(...one.map((value, i) => Math.abs(value - other[i])));

describe.each([
  ['the default settings', 'default', {}],
  ['a reward model', 'reward', { loss: 'bradley-terry' }],
] as [string, string, Partial<GivenSettings>][])('%s', (_, name, more) => {
  let said: number[];
  beforeAll(async () => {
    said = await onPage(name, more);
  });

  test('gives the same probabilities', async () => {
    expect(gap(await inCommand(name), said)).toBeLessThan(1e-5);
  });

  test('would not on a base in float', async () => {
    const path = w.at(`${name}/adapter/arena.json`);
    const text = await readFile(path, 'utf8');
    await writeFile(path, JSON.stringify({ ...JSON.parse(text), quantization: null }));
    expect(gap(await inCommand(name), said)).toBeGreaterThan(1e-4);
    await writeFile(path, text);
  });
});

test('an adapter of an earlier page, whose card holds the packing alone, gives them too; the server asks for its base', async () => {
  const said = await inCommand('default');
  const path = w.at('default/adapter/arena.json');
  const { format, pack } = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, `${JSON.stringify({ format, pack }, null, 2)}\n`);
  expect(await inCommand('default')).toEqual(said);
  const { err, code } = await arena('serve', '--model', w.at('default'));
  expect(code).toBe(1);
  expect(err).toMatch(
    /^arena serve: .*adapter: its arena\.json does not say what base it was trained on; --base has to/,
  );
});
