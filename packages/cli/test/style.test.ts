/** @file A judge with style through the command: trained, asked with and without it, served, merged, resumed. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { type Battle, syntheticBattles } from '@arena/data';
import type { ModelCard } from '@arena/judge';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { arena, QUICK, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let data: string;
/** People take the longer answer, but for each sixth vote. */
const battles = syntheticBattles({ count: 460, seed: 21 }).map((one, i): Battle => {
  const longer = one.responseA[0].length > one.responseB[0].length ? 'a' : 'b';
  return { ...one, winner: i % 6 ? longer : longer === 'a' ? 'b' : 'a' };
});

const train = (out: string, ...more: string[]) =>
  arena('train', '--base', w.base, '--data', data, '--out', w.at(out), ...QUICK, ...more);
const json = async (name: string) => JSON.parse(await readFile(w.at(name), 'utf8'));
const predict = async (...flags: string[]) => {
  const { out, err, code } = await arena('predict', '--base', w.base, '--data', w.at('some.jsonl'), ...flags);
  const lines = out.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)); // biome-ignore format: a chain
  return { lines, err, code };
};

beforeAll(async () => {
  w = await workspace();
  data = await w.votes('longer.jsonl', battles);
  await w.votes('some.jsonl', battles.slice(0, 5));
});
afterAll(() => rm(w.folder, { recursive: true, force: true }));

test('trained: what was kept is said, and the report has margin, both and style', async () => {
  const { out, code } = await train('run');
  expect(code).toBe(0);
  expect(out).toMatch(/style: log loss on held-out validation votes: the margin alone 0\.\d+, with a temperature/);
  for (const row of ['margin', 'both', 'style']) expect(out).toMatch(new RegExp(`^${row} `, 'm'));
  const card: ModelCard = await json('run/adapter/arena.json');
  expect(card.style).toMatchObject({ version: 1, mode: 'stack', kept: 'stack' });
  const html = await readFile(w.at('run/report.html'), 'utf8');
  expect(html).toContain('How much is style, how much is content');
  const [first] = (await readFile(w.at('run/predictions.jsonl'), 'utf8')).split('\n');
  expect(JSON.parse(first)).toHaveProperty('rawProbabilityA');
});

test('predict gives both probabilities and says so; --raw gives the margin; evaluate takes the flag too', async () => {
  const styled = await predict('--adapter', w.at('run'), '--both-orders');
  expect(styled.err).toMatch(
    /note: probabilities are sigmoid\(\d\.\d\d x margin [+-] \d\.\d\d x style\), fitted on \d+/,
  );
  const raw = await predict('--adapter', w.at('run'), '--both-orders', '--raw');
  expect(raw.err).toContain('note: probabilities are of the margin alone (raw)');
  expect(raw.lines.map(({ probabilityA }) => probabilityA)).toEqual(
    styled.lines.map(({ rawProbabilityA }) => rawProbabilityA),
  );
  expect(raw.lines[0]).not.toHaveProperty('rawProbabilityA');
  for (const { id, probabilityA } of styled.lines) {
    const { responseA, responseB } = battles.find((one) => one.id === id)!;
    expect(probabilityA > 0.5).toBe(responseA[0].length > responseB[0].length);
  }
  const flags = ['--base', w.base, '--adapter', w.at('run'), '--data', w.at('some.jsonl')];
  expect((await arena('evaluate', ...flags, '--out', w.at('eval'))).out).toMatch(/^margin /m);
  expect((await arena('evaluate', ...flags, '--out', w.at('eval-raw'), '--raw')).out).not.toMatch(/^margin /m);
});

test('a merged judge keeps its style', async () => {
  const merged = await arena('merge', '--base', w.base, '--adapter', w.at('run'), '--out', w.at('merged'));
  expect(merged.out).toContain("its arena.json holds the judge's style: probabilities are sigmoid(");
  expect((await json('merged/arena.json')).style).toEqual((await json('run/adapter/arena.json')).style);
  const said = await arena('predict', '--base', w.at('merged'), '--prompt', 'p', '--a', 'one', '--b', 'two more words');
  expect(JSON.parse(said.out)).toHaveProperty('rawProbabilityA');
});

test('served: both probabilities in each answer', async () => {
  const log = vi.spyOn(console, 'log');
  const served = arena('serve', '--model', w.at('run'), '--port', '0');
  const url = await vi.waitFor(
    () => /is served at (\S+):/.exec(vi.mocked(console.log).mock.calls.flat().join('\n'))![1],
    {
      timeout: 20_000,
    },
  );
  const response = await fetch(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'p', response_a: 'one', response_b: 'two more words' }),
  });
  expect(Object.keys(await response.json())).toEqual(['probabilityA', 'rawProbabilityA']);
  process.emit('SIGINT');
  expect((await served).err).toContain('note: probabilities are sigmoid(');
  log.mockRestore();
});

test('a style of a later version: one line before the model is loaded, and --raw works', async () => {
  const card: ModelCard = await json('run/adapter/arena.json');
  const later = {
    ...card,
    style: { ...card.style, terms: { ...card.style!.terms, emoji: { scale: 1, coefficient: 1 } } },
  };
  await writeFile(w.at('run/adapter/arena.json'), JSON.stringify(later));
  const refused = await predict('--adapter', w.at('run'));
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(
    /arena\.json: its style has the term "emoji", which is not known here; take a newer version of Arena, or --raw/,
  );
  expect((await predict('--adapter', w.at('run'), '--raw')).code).toBe(0);
  await writeFile(w.at('run/adapter/arena.json'), JSON.stringify(card));
});

test('style may be asked for after a run began, but not its place in the loss', async () => {
  const resumed = await train('run', '--style', 'none', '--resume');
  expect(resumed.code).toBe(0);
  expect((await json('run/adapter/arena.json')).style).toBeUndefined();
  const other = await train('run', '--style', 'offset', '--resume');
  expect(other.err).toMatch(/--resume needs the settings of the run: style undefined -> "offset"/);
});

test('--style offset: content, both and style are in the report', async () => {
  const { out, code } = await train('offset', '--style', 'offset', '--loss', 'bradley-terry');
  expect(code).toBe(0);
  for (const row of ['content', 'both', 'style']) expect(out).toMatch(new RegExp(`^${row} `, 'm'));
  expect((await json('offset/adapter/arena.json')).style).toMatchObject({ mode: 'offset', b: 1 });
  const { err } = await predict('--adapter', w.at('offset'), '--raw');
  expect(err).toContain("note: probabilities are of content alone, without the style's log odds (raw)");
});
