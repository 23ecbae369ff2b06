/** @file Input that cannot work: one clear line, an exit code, and nothing left behind. */
import { existsSync, statSync } from 'node:fs';
import { chmod, cp, readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test, vi } from 'vitest';
import { arena, BATTLES, QUICK, quickTrain, type Workspace, workspace } from './workspace.js';

let w: Workspace;

beforeAll(async () => {
  w = await workspace();
});

/** Trains into a new folder and expects one line of error that matches. */
async function refused(flags: { base?: string; data?: string; out?: string }, message: RegExp, ...more: string[]) {
  const { base = w.base, data = w.data, out = w.at('never') } = flags;
  const { code, err } = await arena('train', '--base', base, '--data', data, '--out', out, ...QUICK, ...more);
  const said = err
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('opening the base'));
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(message);
  expect(said[0]).toMatch(/^arena train: /);
  expect(code).toBe(1);
  expect(existsSync(out) && statSync(out).isDirectory()).toBe(false);
}

/** A copy of the base with something changed. */
async function brokenBase(name: string, change: (folder: string) => Promise<void>): Promise<string> {
  const folder = w.at(name);
  await cp(w.base, folder, { recursive: true });
  await change(folder);
  return folder;
}

async function editJson(path: string, change: (value: Record<string, unknown>) => void) {
  const value = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  change(value);
  await writeFile(path, JSON.stringify(value));
}

test('data: missing, empty, no votes, one side only, not votes at all', async () => {
  await refused({ data: w.at('nothing.parquet') }, /nothing\.parquet/);
  await writeFile(w.at('empty.jsonl'), '');
  await refused({ data: w.at('empty.jsonl') }, /empty/);
  const unlabelled = await w.votes(
    'ties.jsonl',
    BATTLES.slice(0, 20).map((battle) => ({ ...battle, winner: 'tie' as const })),
  );
  await refused({ data: unlabelled }, /no battle with a vote is left \(.*ties\)/);
  const oneSided = await w.votes(
    'one.jsonl',
    BATTLES.filter(({ winner }) => winner === 'a'),
  );
  await refused({ data: oneSided }, /'a' wins all \d+ battles/);
  await writeFile(w.at('other.csv'), 'x,y\n1,2\n');
  await refused({ data: w.at('other.csv') }, /other\.csv/);
  await writeFile(w.at('damaged.parquet'), Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 37) % 256)));
  await refused({ data: w.at('damaged.parquet') }, /damaged\.parquet: neither text nor Parquet/);
  await refused({}, /unlabeled=keep: there is nothing to learn/, '--clean', 'unlabeled=keep');
});

test('base: no folder, no config, another architecture, damaged weights, no tokenizer', async () => {
  await refused({ base: w.at('no-such-base') }, /config\.json: cannot be read \(ENOENT\)/);
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  await refused({ base: 'google/no-such-model' }, /no such folder, and no such model in .*; download it first/);
  vi.unstubAllEnvs();
  const llama = await brokenBase('llama', (folder) =>
    editJson(join(folder, 'config.json'), (config) => {
      config.architectures = ['LlamaForCausalLM'];
    }),
  );
  await refused({ base: llama }, /LlamaForCausalLM/);
  await refused(
    { base: await brokenBase('cut', (folder) => truncate(join(folder, 'model.safetensors'), 9000)) },
    /model\.safetensors/,
  );
  const misnamed = await brokenBase('misnamed', (folder) =>
    rename(join(folder, 'model.safetensors'), join(folder, 'weights.safetensors')),
  );
  await refused({ base: misnamed }, /neither model\.safetensors nor model\.safetensors\.index\.json/);
  const mute = await brokenBase('mute', (folder) => rename(join(folder, 'tokenizer.json'), join(folder, 'other.json')));
  await refused({ base: mute }, /tokenizer\.json: cannot be read/);
});

test('settings: too few tokens for the frame, layers or targets that do not exist', async () => {
  await refused({ out: w.at('a') }, /maxTokens 20 is too small/, '--max-tokens', '20');
  await refused({ out: w.at('b') }, /--first-layer 2: the base has 2 layers/, '--first-layer', '2');
  await refused({ out: w.at('d') }, /--warmup 1.5: a share of all steps below 1, or a whole/, '--warmup', '1.5');
  await refused({ out: w.at('c') }, /no linear layer matches \["qproj"\]/, '--targets', 'qproj');
});

test('a training that runs away leaves no adapter: by its loss, or in its last step', async () => {
  const rate = ['--warmup', '0', '--max-grad-norm', '0', '--weight-decay', '1', '--learning-rate'];
  const lost = await quickTrain(w, 'lost', ...rate, '1e38');
  expect(lost).toMatchObject({ code: 1, err: expect.stringMatching(/arena train: step \d.*: the loss is NaN/) });
  const last = await quickTrain(w, 'last', ...rate, '3.4e38', '--max-steps', '1');
  expect(last).toMatchObject({
    code: 1,
    err: expect.stringMatching(/arena train: training diverged.*--learning-rate/),
  });
  for (const name of ['lost/adapter', 'last/adapter']) expect(existsSync(w.at(name))).toBe(false);
  expect((await quickTrain(w, 'x', ...rate, 'Infinity')).err).toContain('a number from 0 is expected');
});

test('out: a file in the way, a parent that is a file', async () => {
  await writeFile(w.at('file'), 'x');
  await refused({ out: w.at('file') }, /is a file, a folder is needed/);
  await refused({ out: w.at('file/inside') }, /ENOTDIR|is a file/);
  if (process.platform === 'linux') await refused({ out: '/proc/arena/run' }, /cannot be created/);
  const { code, err } = await quickTrain(w, 'deep/er/run');
  expect({ code, err: err.includes('Error') }).toEqual({ code: 0, err: false });
});

test.skipIf(process.getuid?.() === 0)('out: a folder that may not be written (not as root)', async () => {
  await chmod(w.folder, 0o500);
  await refused({ out: w.at('locked') }, /cannot be created \(EACCES\)/);
  await chmod(w.folder, 0o700);
});

test('adapter: of another base, of another rank, not one at all', async () => {
  const run = await quickTrain(w, 'run');
  expect(run.code).toBe(0);
  const predict = (adapter: string) =>
    arena('predict', '--base', w.base, '--adapter', adapter, '--prompt', 'p', '--a', 'a', '--b', 'b');
  const edited = w.at('edited-adapter');
  await cp(w.at('run/adapter'), edited, { recursive: true });
  await editJson(join(edited, 'adapter_config.json'), (config) => {
    config.r = 4;
  });
  expect(await predict(edited)).toMatchObject({ code: 1, err: expect.stringMatching(/this base wants A \[4, 32\]/) });
  await editJson(join(edited, 'adapter_config.json'), (config) => {
    Object.assign(config, { r: 16, layers_to_transform: [0, 1] });
  });
  expect((await predict(edited)).err).toMatch(/no matrices for model\.layers\.0/);
  expect((await predict(w.base)).err).toMatch(/adapter_config\.json: cannot be read/);
});

test('predict: no input, two inputs', async () => {
  const adapter = ['--base', w.base, '--adapter', w.at('run/adapter')];
  expect((await arena('predict', ...adapter)).err).toMatch(/--data FILE, or all of/);
  expect((await arena('predict', ...adapter, '--data', w.data, '--prompt', 'x')).err).toMatch(/not both/);
});

test('--config: unknown keys, broken files and values that are no flags', async () => {
  await writeFile(w.at('config.json'), JSON.stringify({ rnak: 4 }));
  const required = ['--base', w.base, '--data', w.data, '--out', w.at('never')];
  const { err } = await arena('train', '--config', w.at('config.json'), ...required);
  expect(err).toMatch(/config\.json: 'rnak' is no flag of arena train; rank is one\n$/);
  await writeFile(w.at('config.json'), '{');
  expect((await arena('train', '--config', w.at('config.json'))).err).toMatch(
    /config\.json: is not JSON .*it is given as --config/,
  );
  await writeFile(w.at('config.json'), JSON.stringify({ rank: { r: 4 } }));
  expect((await arena('train', '--config', w.at('config.json'))).err).toMatch(/'rank' is/);
});

test('nothing half-written is left of any of it', async () => {
  for (const name of await readdir(w.folder)) expect(name).not.toMatch(/tmp/);
});
