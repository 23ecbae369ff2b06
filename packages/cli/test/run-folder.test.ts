/** @file The folder of a run: one process at a time, a begin that can be killed anywhere, damaged files and what to do. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LOCK, lockFolder } from '../src/folder-lock.js';
import { arena, quickTrain, type Workspace, workspace } from './workspace.js';

let w: Workspace;
const SAVING = ['--save-every', '2', '--keep', '9'];

beforeAll(async () => {
  w = await workspace();
  expect((await quickTrain(w, 'run', ...SAVING)).code).toBe(0);
});
afterAll(() => rm(w.folder, { recursive: true }));

/** A copy of the run. */
async function copyOf(name: string): Promise<string> {
  await cp(w.at('run'), w.at(name), { recursive: true });
  return w.at(name);
}

/** The one line that `--resume` ends with. */
async function refusedLine(name: string, ...more: string[]): Promise<string> {
  const { code, err } = await quickTrain(w, name, ...SAVING, ...more);
  expect(code).toBe(1);
  return err
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('opening the base'))
    .join('\n');
}

test('a folder has one process: a second run, and a second evaluation, are refused at once', async () => {
  await mkdir(w.at('taken'));
  const release = await lockFolder(w.at('taken'));
  const line = `${w.at('taken')}: process ${process.pid} writes there; wait for it, or choose another --out`;
  expect(await refusedLine('taken')).toBe(`arena train: ${line}`);
  const adapter = ['--base', w.base, '--adapter', w.at('run')];
  expect((await arena('evaluate', ...adapter, '--data', w.data, '--out', w.at('taken'))).err).toContain(line);
  expect((await arena('quickstart', '--out', w.at('taken'))).err).toContain(line);
  await release();
  expect(await readdir(w.at('taken'))).toEqual([]);
  const folder = await copyOf('resumed');
  const own = await lockFolder(folder);
  expect(await refusedLine('resumed', '--resume')).toContain('writes there');
  await own();
  expect((await quickTrain(w, 'resumed', ...SAVING, '--resume')).code).toBe(0);
  expect(await readdir(folder)).toEqual(await readdir(w.at('run')));
});

test('of several processes that begin at once, one gets the folder', async () => {
  const module = new URL('../dist/folder-lock.js', import.meta.url).href;
  await mkdir(w.at('race'));
  await writeFile(`${w.at('race')}/${LOCK}`, JSON.stringify({ pid: ended(), host: hostname(), start: '' })); // left
  const code = `const { lockFolder } = await import(${JSON.stringify(module)});
    await lockFolder(${JSON.stringify(w.at('race'))}).then(() => console.log('mine'), (e) => console.log(e.message));
    for await (const _ of process.stdin); // all live until the last has asked`;
  const children = Array.from({ length: 6 }, () => spawn(process.execPath, ['--input-type=module', '-e', code]));
  const said = await Promise.all(
    children.map(async ({ stdout, stderr }) => {
      const part = await Promise.race([once(stdout, 'data'), once(stderr, 'data')]);
      return String(part).trim();
    }),
  );
  for (const { stdin } of children) stdin.end();
  await Promise.all(children.map((child) => once(child, 'close')));
  expect(said.filter((text) => text === 'mine')).toHaveLength(1);
  for (const text of said) expect(text).toMatch(/^mine$|process \d+ writes there/);
});

/** A number that no process has. */
function ended(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

test.each<[string, () => object | string, boolean]>([
  ['a process that has ended', () => ({ pid: ended(), host: hostname(), start: '' }), true],
  ['this number, before this process', () => ({ pid: process.pid, host: hostname(), start: 'x' }), true],
  [
    'a number that another process has now',
    () => ({ pid: process.ppid, host: hostname(), start: 'another time' }),
    process.platform === 'linux',
  ],
  ['a lock that was cut off', () => '', true],
  ['a machine that was silent for long', () => ({ pid: 1, host: 'elsewhere', start: '' }), true],
])('%s holds no folder', async (_, content, taken) => {
  await mkdir(w.at('stale'), { recursive: true });
  const path = `${w.at('stale')}/${LOCK}`;
  const text = content();
  await writeFile(path, typeof text === 'string' ? text : JSON.stringify(text));
  const before = new Date(Date.now() - 3600 * 1000);
  await utimes(path, before, before);
  if (taken) await (await lockFolder(w.at('stale')))();
  expect(existsSync(path)).toBe(!taken);
  await rm(w.at('stale'), { recursive: true });
});

test('another machine that wrote just now is named, with the file to remove', async () => {
  await mkdir(w.at('far'));
  await writeFile(`${w.at('far')}/${LOCK}`, JSON.stringify({ pid: 7, host: 'elsewhere', start: '' }));
  await expect(lockFolder(w.at('far'))).rejects.toThrow(
    /process 7 on elsewhere writes there.*if it has ended, remove .*\.arena-lock/,
  );
});

test('a run that was killed before its run.json begins anew', async () => {
  const folder = await copyOf('begun');
  for (const name of await readdir(folder)) {
    if (name !== 'splits.json') await rm(`${folder}/${name}`, { recursive: true });
  }
  const left = 'run.json.01234567-89ab-4def-8123-456789abcdef.tmp';
  await writeFile(`${folder}/${left}`, '{');
  await writeFile(`${folder}/${LOCK}`, JSON.stringify({ pid: ended(), host: hostname(), start: '' }));
  expect(await refusedLine('begun', '--resume')).toMatch(
    /run\.json: cannot be read \(ENOENT\); there is no run to resume/,
  );
  expect((await quickTrain(w, 'begun', ...SAVING)).code).toBe(0);
  for (const name of ['run.json', 'splits.json', 'log.jsonl', 'predictions.jsonl']) {
    expect(await readFile(`${folder}/${name}`, 'utf8')).toBe(await readFile(`${w.at('run')}/${name}`, 'utf8'));
  }
  expect(await readdir(folder)).toEqual(await readdir(w.at('run')));
});

test('a damaged checkpoint is named, with the older one to go on from', async () => {
  const folder = await copyOf('damaged');
  await writeFile(`${folder}/checkpoint-4/adapter_model.safetensors`, 'x');
  expect(await refusedLine('damaged', '--resume')).toMatch(
    /^arena train: .*checkpoint-4\/adapter_model\.safetensors: has SHA-256 .*; remove checkpoint-4 to go on from checkpoint-2$/,
  );
  await mkdir(`${folder}/checkpoint-99`);
  expect(await refusedLine('damaged', '--resume')).toMatch(
    /checkpoint-99.*; remove checkpoint-99 to go on from checkpoint-4$/,
  );
  for (const name of ['checkpoint-99', 'checkpoint-2']) await rm(`${folder}/${name}`, { recursive: true });
  expect(await refusedLine('damaged', '--resume')).toMatch(/; remove checkpoint-4 to begin again with the first step$/);
  await rm(`${folder}/checkpoint-4`, { recursive: true });
  expect((await quickTrain(w, 'damaged', ...SAVING, '--resume')).code).toBe(0);
});

test.each([
  ['run.json', '', /run\.json: is empty, JSON is expected; there is no run to resume/],
  ['run.json', '{"base":\n "x",\n\n', /run\.json: is not JSON \(.*\); there is no run/],
  ['run.json', '[]', /run\.json: the settings of a run are expected/],
  ['splits.json', '', /splits\.json: is empty, JSON is expected; start the run anew in another --out/],
  ['splits.json', '{"train": [\n"x"', /splits\.json: is not JSON/],
  ['splits.json', '\xff', /splits\.json: .*not UTF-8/],
  ['splits.json', 'null', /splits\.json: .*start the run anew/],
  ['splits.json', undefined, /splits\.json: cannot be read \(ENOENT\); start the run anew/],
])('%s of %j is one line that names it', async (name, content, message) => {
  const folder = await copyOf('broken');
  if (content === undefined) await rename(`${folder}/${name}`, `${folder}/other`);
  else await writeFile(`${folder}/${name}`, content, 'latin1');
  const line = await refusedLine('broken', '--resume');
  expect(line).toMatch(message);
  expect(line).toMatch(/^arena train: [^\n]{1,400}$/);
  await rm(folder, { recursive: true });
});

test.each([
  ['', /space\.json: is empty/],
  ['{"train": {}, "grid":\n', /space\.json: is not JSON .*given as --space$/],
  ['{"train": {}, "random": null}', /'grid' or 'random' must hold/],
  ['{"train": {}, "grid": null}', /'grid' or 'random' must hold/],
  ['{"train": {}, "grid": [1]}', /'grid' must hold flags/],
  ['{"train": {}, "random": {"rank": {}}}', /random 'rank' must be a list/],
  ['{"train": {}, "random": {"rank": null}}', /random 'rank' must be a list/],
  ['null', /'train' must hold/],
  [
    '{"train": {"rnak": 1}, "grid": {"seed": [1]}}',
    /space\.json: trial 1: 'rnak' is no flag of arena train; rank is one/,
  ],
  ['{"train": {"rank": "x"}, "grid": {"seed": [1]}}', /space\.json: trial 1: 'rank' is "x"; a whole number/],
])('a sweep space of %s is refused in one line', async (content, message) => {
  await writeFile(w.at('space.json'), content);
  const { code, err } = await arena('sweep', '--space', w.at('space.json'), '--out', w.at('sweep'));
  expect(code).toBe(1);
  expect(err.trim()).toMatch(message);
  expect(err.trim()).toMatch(/^arena sweep: [^\n]{1,400}$/);
});
