/** @file From a data set and a base on the hub to a judge there: `arena train`, `push` and `predict`, with a hub on this machine. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { battleToRecord } from '@arena/data/read';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { openStandIn, repositoryOf, type StandIn } from '../../files/test/hub-stand-in.js';
import { arena, BATTLES, QUICK, quickTrain, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let hub: StandIn;
const lines = (battles: typeof BATTLES) => battles.map((one) => `${JSON.stringify(battleToRecord(one))}\n`).join('');

beforeAll(async () => {
  w = await workspace();
  const base: Record<string, Uint8Array> = {};
  for (const name of await readdir(w.base)) base[name] = await readFile(join(w.base, name));
  hub = await openStandIn({
    'models/google/tiny': repositoryOf(base),
    'datasets/owner/votes': repositoryOf({
      'train.jsonl': lines(BATTLES.slice(0, 120)),
      'test.jsonl': lines(BATTLES.slice(120)),
    }),
  });
  vi.stubEnv('HF_ENDPOINT', hub.url);
  vi.stubEnv('HF_HOME', w.at('home'));
  const train = ['train', '--base', 'google/tiny', '--data', 'owner/votes:train', '--out', w.at('run'), ...QUICK];
  const { code, err } = await arena(...train);
  expect(err).toMatch(
    /note: votes of owner\/votes at [0-9a-f]{7}: split train, train\.jsonl, 0\.\d MB; other splits: test/,
  );
  expect(code).toBe(0);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await hub.close();
  await rm(w.folder, { recursive: true });
});
beforeEach(() => {
  vi.stubEnv('HF_ENDPOINT', hub.url);
  vi.stubEnv('HF_HOME', w.at('home'));
  vi.stubEnv('HF_TOKEN', 'hf_writer');
});
afterEach(() => vi.unstubAllEnvs());

const commitOf = (key: string) => hub.repositories.get(key)!.branches.get('main')!;
const pushed = (id: string, branch = 'main') => {
  const { commits, branches } = hub.repositories.get(`models/${id}`)!;
  return new Map([...commits.get(branches.get(branch)!)!].map(([name, bytes]) => [name, bytes.toString()]));
};
const json = async (path: string) => JSON.parse(await readFile(w.at(path), 'utf8'));

test('the run notes the commits, and the adapter names its base by id', async () => {
  const run = await json('run/run.json');
  expect(run.hubBase).toBe(`google/tiny@${commitOf('models/google/tiny')}`);
  expect(run.hubData).toEqual([`owner/votes:train@${commitOf('datasets/owner/votes')}`]);
  expect(await json('run/adapter/adapter_config.json')).toMatchObject({
    base_model_name_or_path: 'google/tiny',
    revision: null,
  });
  expect((await json('run/adapter/arena.json')).baseHub).toEqual({
    id: 'google/tiny',
    commit: commitOf('models/google/tiny'),
  });
  const readme = await readFile(w.at('run/adapter/README.md'), 'utf8');
  expect(readme).toMatch(/^---\nbase_model: google\/tiny\nbase_model_relation: adapter\nlibrary_name: peft\n/);
  expect(readme).toContain('datasets:\n- owner/votes\n');
  expect(readme).toContain('## Figures');
});

test('a dry run lists the files and prints the card; nothing is asked', async () => {
  hub.requests.length = 0;
  vi.stubEnv('HF_TOKEN', '');
  const { code, out } = await arena('push', w.at('run'), 'me/judge', '--dry-run');
  expect(code).toBe(0);
  expect(out).toMatch(/is an adapter of google\/tiny\. To me\/judge, branch main, private, would go:/);
  for (const name of ['README.md', 'NOTICE', 'arena.json', 'adapter_config.json', 'adapter_model.safetensors']) {
    expect(out).toMatch(new RegExp(`\\d bytes {2}${name.replace('.', '\\.')}\n`));
  }
  expect(out).toContain('model-index:\n- name: judge\n');
  expect(hub.requests).toEqual([]);
});

test('pushes a run: its adapter alone, private, without a path of this machine', async () => {
  const { code, out } = await arena('push', w.at('run'), 'me/judge');
  expect(code).toBe(0);
  expect(out).toMatch(
    /\/me\/judge \(private\): 5 files, commit [0-9a-f]{7}\nnext: arena predict --base google\/tiny --adapter me\/judge/,
  );
  const files = pushed('me/judge');
  const names = [
    '.gitattributes',
    'NOTICE',
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
    'arena.json',
  ];
  expect([...files.keys()].sort()).toEqual(names);
  expect(files.get('NOTICE')).toBe(
    'Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms\n',
  );
  for (const text of files.values()) expect(text).not.toContain(w.folder);
  expect(hub.texts.join('')).not.toContain('hf_writer');
  const metrics = await json('run/metrics.json');
  expect(files.get('README.md')).toContain(`value: ${Number(metrics.predictors[0].accuracy.value.toFixed(4))}\n`);
});

test('a judge on the hub predicts as the one here, and on votes of the hub', async () => {
  await arena('push', w.at('run'), 'me/predicts');
  const ask = (adapter: string, data: string) =>
    arena('predict', '--base', 'google/tiny', '--adapter', adapter, '--data', data);
  const [there, here] = [
    await ask('me/predicts', 'owner/votes:test'),
    await ask(w.at('run'), await w.votes('t.jsonl', BATTLES.slice(120))),
  ];
  expect(there.code).toBe(0);
  expect(there.out.trim().split('\n')).toHaveLength(BATTLES.length - 120);
  expect(there.out).toBe(here.out);
});

test.each([
  ['an adapter', () => ['push', w.at('run'), 'me/code']],
  ['a merged folder', () => ['push', w.at('for-code'), 'me/merged-code']],
])("the card's code for Node runs: %s", async (_, argv) => {
  if (argv()[2] === 'me/merged-code') {
    const merge = ['merge', '--base', 'google/tiny', '--adapter', w.at('run'), '--out', w.at('for-code')];
    expect(await arena(...merge)).toMatchObject({ code: 0 });
  }
  expect(await arena(...argv())).toMatchObject({ code: 0 });
  const code = /```js\n(.*?)```/s.exec(pushed(argv()[2]).get('README.md')!)![1];
  const body = code
    .replace(/^import (.*) from '(.*)';$/gm, "const $1 = modules['$2'];")
    .replaceAll('{ token', '{ endpoint, token')
    .replace("openEngine('auto')", "openEngine('wasm')");
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  const probability = await AsyncFunction(
    'modules',
    'endpoint',
    `${body}\nawait judge.dispose();\nreturn probabilityA;`,
  )(
    {
      '@arena/files': await import('@arena/files'),
      '@arena/files/hub': await import('@arena/files/hub'),
      '@arena/judge': await import('@arena/judge'),
      '@arena/judge/card': await import('@arena/judge/card'),
      '@arena/judge/run': await import('@arena/judge/run'),
      '@arena/runtime': await import('@arena/runtime'),
    },
    hub.url,
  );
  const pair = ['--prompt', 'Why?', '--a', 'Because.', '--b', 'No idea.', '--engine', 'wasm'];
  const files = argv()[2] === 'me/code' ? ['google/tiny', '--adapter', w.at('run')] : [w.at('for-code')];
  const { out } = await arena('predict', '--base', ...files, ...pair);
  expect(probability).toBeCloseTo(JSON.parse(out).probabilityA, 5);
});

test('a base in a folder: its id is asked for, and then stands everywhere', async () => {
  expect(await quickTrain(w, 'local')).toMatchObject({ code: 0 });
  expect(await json('local/adapter/adapter_config.json')).toMatchObject({ base_model_name_or_path: w.base }); // PEFT finds it
  expect(await readFile(w.at('local/adapter/README.md'), 'utf8')).not.toContain(w.folder);
  const without = await arena('push', w.at('local'), 'me/local');
  expect(without.code).toBe(1);
  expect(without.err).toMatch(
    /^arena push: .*\/local\/adapter: a card names the base by its id on the hub, and this one's is .*\/base: give --base-id, such as google\/gemma-2-2b\n$/,
  );
  expect(await arena('push', w.at('local/adapter'), 'me/local', '--base-id', 'google/tiny')).toMatchObject({ code: 0 });
  for (const [name, text] of pushed('me/local')) {
    expect(text, name).not.toContain(w.folder);
    if (/^(README|adapter_config|arena)/.test(name)) expect(text).toContain('google/tiny');
  }
  expect(JSON.parse(pushed('me/local').get('adapter_config.json')!)).toEqual({
    ...(await json('local/adapter/adapter_config.json')),
    base_model_name_or_path: 'google/tiny',
  });
});

test('a merged folder and an ONNX folder, with the figures of the run', async () => {
  const base = ['--base', 'google/tiny', '--adapter', w.at('run')];
  expect(await arena('merge', ...base, '--out', w.at('merged'))).toMatchObject({ code: 0 });
  expect(await arena('push', w.at('merged'), 'me/merged', '--run', w.at('run'))).toMatchObject({ code: 0 });
  const merged = pushed('me/merged');
  expect([...merged.keys()]).toEqual(
    expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json', 'arena.json', 'NOTICE']),
  );
  expect(merged.get('README.md')).toMatch(
    /base_model: google\/tiny\nbase_model_relation: finetune\nlibrary_name: transformers\n/,
  );
  expect(merged.get('README.md')).toContain('model-index:');
  const said = await arena('predict', '--base', 'me/merged', '--prompt', 'Why?', '--a', 'x', '--b', 'y');
  expect(said.code).toBe(0);

  expect(await arena('export', '--onnx', 'q8,fp32', ...base, '--out', w.at('onnx'))).toMatchObject({ code: 0 });
  expect(await arena('push', w.at('onnx'), 'me/onnx')).toMatchObject({ code: 0 });
  const onnx = pushed('me/onnx');
  expect([...onnx.keys()]).toEqual(
    expect.arrayContaining(['onnx/model.onnx', 'onnx/model_quantized.onnx', 'config.json', 'tokenizer.json']),
  );
  expect(onnx.get('README.md')).toMatch(/base_model_relation: quantized\nlibrary_name: transformers\.js\n/);
  expect(onnx.get('README.md')).toContain("pipeline('text-classification'");
  for (const text of [...merged.values(), ...onnx.values()]) expect(text).not.toContain(w.folder);
});

test('a folder of GGUF files keeps its own words for their use', async () => {
  await mkdir(w.at('gguf'));
  await cp(w.at('run/adapter/arena.json'), w.at('gguf/arena.json'));
  for (const name of ['adapter-f32.gguf', 'model-q8_0.gguf', 'head.json', 'notes.txt'])
    await writeFile(w.at(`gguf/${name}`), '{}');
  await writeFile(w.at('gguf/README.md'), '---\ntags: [x]\n---\n\n# Old title\n\nRun it with llama.cpp.\n');
  const push = ['push', w.at('gguf'), 'me/gguf', '--run', w.at('run')];
  expect((await arena(...push, '--dry-run')).out).toContain('These stay here: notes.txt');
  expect(await arena(...push)).toMatchObject({ code: 0 });
  const names = ['NOTICE', 'README.md', 'adapter-f32.gguf', 'arena.json', 'head.json', 'model-q8_0.gguf'];
  expect([...pushed('me/gguf').keys()].filter((name) => name !== '.gitattributes').sort()).toEqual(names);
  const readme = pushed('me/gguf').get('README.md')!;
  expect(readme).toMatch(/base_model_relation: quantized\nlibrary_name: gguf\n/);
  expect(readme).toContain('## How to use it\n\nRun it with llama.cpp.\n');
  expect(readme).not.toContain('Old title');
  await rm(w.at('gguf/model-q8_0.gguf'));
  expect((await arena(...push, '--dry-run')).out).toContain('base_model_relation: adapter\n');
});

test('a resumed run reads the commits that it began with; a revision pins a base', async () => {
  const flags = ['--base', 'google/tiny', '--data', 'owner/votes:train', ...QUICK, '--save-every', '2'];
  expect(await arena('train', ...flags, '--out', w.at('again'))).toMatchObject({ code: 0 });
  const before = await json('again/run.json');
  const repository = hub.repositories.get('datasets/owner/votes')!;
  const newer = repositoryOf({ 'train.jsonl': lines(BATTLES.slice(50)) });
  repository.commits.set(newer.branches.get('main')!, newer.commits.get(newer.branches.get('main')!)!);
  repository.branches.set('main', newer.branches.get('main')!);
  const { code, err } = await arena('train', ...flags, '--out', w.at('again'), '--resume');
  repository.branches.set('main', before.hubData[0].split('@')[1]);
  expect(err).toContain(`votes of owner/votes at ${before.hubData[0].split('@')[1].slice(0, 7)}`);
  expect(code).toBe(0);
  expect((await json('again/run.json')).hubData).toEqual(before.hubData);

  const commit = commitOf('models/google/tiny');
  const pinned = ['--base', `google/tiny@${commit}`, '--data', w.data, ...QUICK];
  expect(await arena('train', ...pinned, '--out', w.at('pinned'))).toMatchObject({ code: 0 });
  expect(await json('pinned/adapter/adapter_config.json')).toMatchObject({
    base_model_name_or_path: 'google/tiny',
    revision: commit,
  });
});

test('prepared votes keep the commit of their set; evaluate reads a split', async () => {
  const prepare = [
    'prepare',
    '--data',
    'owner/votes:train',
    '--tokenizer',
    w.base,
    '--out',
    w.at('prepared'),
    '--frame',
    'compact',
  ];
  expect(await arena(...prepare)).toMatchObject({ code: 0 });
  const train = ['train', '--base', w.base, '--data', w.at('prepared'), '--out', w.at('from-prepared'), ...QUICK];
  expect(await arena(...train)).toMatchObject({ code: 0 });
  expect((await json('from-prepared/run.json')).hubData).toEqual([
    `owner/votes:train@${commitOf('datasets/owner/votes')}`,
  ]);
  const evaluate = [
    'evaluate',
    '--base',
    'google/tiny',
    '--adapter',
    w.at('run'),
    '--data',
    'owner/votes:test',
    '--out',
    w.at('evaluated'),
  ];
  expect(await arena(...evaluate)).toMatchObject({
    code: 0,
    out: expect.stringContaining(`${BATTLES.length - 120} battles read`),
  });
});

test('what lies here wins over the hub', async () => {
  const before = process.cwd();
  await mkdir(w.at('owner'));
  await writeFile(w.at('owner/votes'), lines(BATTLES.slice(0, 3)));
  process.chdir(w.folder);
  try {
    const { out } = await arena('predict', '--base', w.base, '--adapter', w.at('run'), '--data', 'owner/votes');
    expect(out.trim().split('\n')).toHaveLength(3);
  } finally {
    process.chdir(before);
  }
});

test.each<[string, (w: Workspace) => string[], RegExp]>([
  ['no such folder', (w) => [w.at('none'), 'me/x'], /\/none: cannot be read as a folder \(ENOENT\)/],
  [
    'a folder of other things',
    (w) => [w.at('home'), 'me/x'],
    /holds \d+ files; a run or adapter of arena train, or a folder of arena merge or arena export, is expected/,
  ],
  ['a base', (w) => [w.base, 'me/x'], /holds a checkpoint without arena\.json/],
  ['a checkpoint', (w) => [w.at('again/checkpoint-4'), 'me/x'], /is a checkpoint of a run; push the run/],
  [
    'a path as base',
    (w) => [w.at('run'), 'me/x', '--base-id', '/models/gemma'],
    /--base-id "\/models\/gemma": the id of a model on the hub is expected/,
  ],
  [
    'the run of another judge',
    (w) => [w.at('merged'), 'me/x', '--run', w.at('seven')],
    /\/seven: there is no run\.json/,
  ],
  ['no id', (w) => [w.at('run'), 'judge'], /owner\/name is expected/],
  ['somebody else', (w) => [w.at('run'), 'nobody/judge'], /may not write to nobody/],
])('%s', async (_, argv, message) => {
  const { code, err } = await arena('push', ...argv(w));
  expect(code).toBe(1);
  expect(err).toMatch(message);
});

test.each([
  [
    'owner/none',
    /owner\/none: no such file or folder here; as a data set of the hub: the server answered 404[^:]*: there is no such data set/,
  ],
  ['owner/votes:dev', /has no split 'dev'; it has test, train/],
  ['owner/votes@v9', /the data set has no such revision/],
  ['runs/none.jsonl', /ENOENT/],
])('--data %s', async (data, message) => {
  const { code, err } = await arena('predict', '--base', w.base, '--adapter', w.at('run'), '--data', data);
  expect(code).toBe(1);
  expect(err).toMatch(message);
});

test('without a token, offline, with a token in a text', async () => {
  vi.stubEnv('HF_TOKEN', '');
  expect((await arena('push', w.at('run'), 'me/x')).err).toMatch(/me\/x: there is no access token to upload with/);
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  expect((await arena('push', w.at('run'), 'me/x')).err).toMatch(/HF_HUB_OFFLINE is set, so nothing is uploaded/);
  vi.stubEnv('HF_HUB_OFFLINE', '');
  vi.stubEnv('HF_TOKEN', 'hf_writer');
  const card = await json('merged/config.json');
  await writeFile(w.at('merged/config.json'), JSON.stringify({ ...card, note: `hf_${'x'.repeat(30)}` }));
  expect((await arena('push', w.at('merged'), 'me/x')).err).toMatch(
    /config\.json: holds what looks like an access token/,
  );
});
