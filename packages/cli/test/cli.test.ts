import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from '@arena/safetensors';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { arena, BATTLES, quickTrain, type Workspace, workspace } from './workspace.js';

let w: Workspace;
let trained: Awaited<ReturnType<typeof arena>>;

beforeAll(async () => {
  w = await workspace();
  trained = await quickTrain(w, 'run');
});

const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'));
const lines = async (path: string) =>
  (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('arena train', () => {
  test('leaves everything it promises', async () => {
    expect(trained.err).not.toContain('arena train:');
    expect(trained.code).toBe(0);
    const files = [
      'adapter',
      'log.jsonl',
      'metrics.json',
      'predictions.jsonl',
      'report.html',
      'report.md',
      'run.json',
      'splits.json',
      'validation-predictions.jsonl',
      'validation.json',
    ];
    expect((await readdir(w.at('run'))).sort()).toEqual(files);
    expect((await readdir(w.at('run/adapter'))).sort()).toEqual([
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
      'arena.json',
    ]);
  });

  test('says what it read, dropped, split, kept and trained, and ends with the table', () => {
    expect(trained.out).toContain(`${BATTLES.length} battles read`);
    expect(trained.out).toMatch(/left out: .*(empty|identical|ties|repeated)/);
    expect(trained.out).toContain('leaks between the parts: 0 prompts');
    expect(trained.out).toMatch(/kept 100\.0 % of the prompts/);
    expect(trained.out).toMatch(/memory of a step: \d+ MB/);
    expect(trained.out).toMatch(/model +\d/);
    expect(trained.out).toContain('always-longer');
    expect(trained.out).toContain('majority');
  });

  test('the log has a line a step, the predictions a line a test battle', async () => {
    expect((await lines(w.at('run/log.jsonl'))).map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    const splits = await json(w.at('run/splits.json'));
    const predictions = await lines(w.at('run/predictions.jsonl'));
    expect(predictions.map(({ id }) => id)).toEqual(splits.test);
    for (const { probabilityA } of predictions) expect(probabilityA > 0 && probabilityA < 1).toBe(true);
  });

  test('a second run in the same folder is refused', async () => {
    const again = await quickTrain(w, 'run');
    expect(again).toMatchObject({ code: 1 });
    expect(again.err).toMatch(/holds .* already; choose another --out, or add --resume/);
  });

  test('--resume needs the settings of the run', async () => {
    const other = await quickTrain(w, 'run', '--rank', '8', '--resume');
    expect(other.code).toBe(1);
    expect(other.err).toContain('rank 16 -> 8');
  });

  test('--memory that nothing fits in is refused with what to lower', async () => {
    const run = await quickTrain(w, 'small', '--memory', '100KB');
    expect(run.code).toBe(1);
    expect(run.err).toContain('lower the tokens of a batch');
    expect(existsSync(w.at('small'))).toBe(false);
  });
});

describe('arena predict and evaluate', () => {
  const adapter = () => ['--base', w.base, '--adapter', w.at('run/adapter')];

  test('predict gives what training wrote for the same battles', async () => {
    const { out, code } = await arena('predict', ...adapter(), '--data', w.data);
    expect(code).toBe(0);
    const all = new Map(
      out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map(({ id, probabilityA }) => [id, probabilityA]),
    );
    for (const { id, probabilityA } of await lines(w.at('run/predictions.jsonl'))) {
      expect(all.get(id)).toBeCloseTo(probabilityA, 6);
    }
  });

  test('a single battle, both orders: exchanging the answers gives the complement', async () => {
    const ask = async (a: string, b: string) =>
      JSON.parse((await arena('predict', ...adapter(), '--prompt', 'Why?', '--a', a, '--b', b, '--both-orders')).out)
        .probabilityA;
    expect((await ask('one', 'another')) + (await ask('another', 'one'))).toBeCloseTo(1, 5);
  });

  test('evaluate writes its files', async () => {
    const { code, out } = await arena('evaluate', ...adapter(), '--data', w.data, '--out', w.at('evaluated'));
    expect(code).toBe(0);
    expect(out).toContain('always-longer');
    expect((await readdir(w.at('evaluated'))).sort()).toEqual([
      'metrics.json',
      'predictions.jsonl',
      'report.html',
      'report.md',
    ]);
  });
});

test('a hub id is found in the Hugging Face cache', async () => {
  const model = w.at('hub/models--arena--tiny');
  await mkdir(join(model, 'refs'), { recursive: true });
  await mkdir(join(model, 'snapshots'));
  await writeFile(join(model, 'refs/main'), 'abc123\n');
  await cp(w.base, join(model, 'snapshots/abc123'), { recursive: true });
  vi.stubEnv('HF_HUB_CACHE', w.at('hub'));
  const ask = async (base: string) =>
    (await arena('predict', '--base', base, '--adapter', w.at('run/adapter'), '--data', w.data)).out;
  expect(await ask('arena/tiny')).toBe(await ask(w.base));
  vi.unstubAllEnvs();
});

describe('arena quantize and merge', () => {
  test('a quantised base predicts what the base quantised on the way predicts', async () => {
    expect((await arena('quantize', '--base', w.base, '--out', w.at('4bit'))).code).toBe(0);
    const ask = async (base: string) =>
      (await arena('predict', '--base', base, '--adapter', w.at('run/adapter'), '--data', w.data)).out;
    expect(await ask(w.at('4bit'))).toBe(await ask(w.base));
    expect(await json(w.at('4bit/config.json'))).toMatchObject({
      quantization_config: { quant_method: 'bitsandbytes', load_in_4bit: true },
    });
  });

  test('a quantised base cannot be quantised again', async () => {
    const { code, err } = await arena('quantize', '--base', w.at('4bit'), '--out', w.at('8bit'));
    expect(code).toBe(1);
    expect(err).toContain('is quantised already');
    expect(await readdir(w.folder)).not.toContain('8bit');
  });

  test('merging into 4 bits says what the second rounding cost', async () => {
    const flags = ['--base', w.at('4bit'), '--adapter', w.at('run/adapter'), '--out', w.at('merged-4bit')];
    const { out, code } = await arena('merge', ...flags);
    expect(code).toBe(0);
    expect(out).toMatch(
      /\d+ matrices were quantised again .* by [\d.]+ % of their size, [\d.]+ % of the adapter's change/,
    );
  });

  test('a merged checkpoint holds the head and changed weights, and no adapter', async () => {
    expect(
      (await arena('merge', '--base', w.base, '--adapter', w.at('run/adapter'), '--out', w.at('merged'))).code,
    ).toBe(0);
    const [before, after] = [await openCheckpoint(w.base), await openCheckpoint(w.at('merged'))];
    expect(after.names().sort()).toEqual([...before.names(), 'score.weight'].sort());
    const same = async (name: string) =>
      Buffer.compare((await before.read(name)).data, (await after.read(name)).data) === 0;
    expect(await same('model.layers.1.self_attn.q_proj.weight')).toBe(false);
    expect(await same('model.layers.0.self_attn.q_proj.weight')).toBe(true);
    await Promise.all([before.close(), after.close()]);
  });

  test('a merged checkpoint predicts and evaluates by itself, and takes the adapter no second time', async () => {
    // trained without 4 bits, so that merging changes nothing but roundings
    const run = await quickTrain(w, 'float', '--no-quantize');
    expect(run.code).toBe(0);
    const adapter = ['--adapter', w.at('float')]; // the run's folder stands for the adapter's
    expect((await arena('merge', '--base', w.base, ...adapter, '--out', w.at('whole'))).code).toBe(0);
    const lines = async (...flags: string[]) => {
      const { out, err } = await arena('predict', ...flags, '--data', w.data);
      expect(err).toBe('');
      return out.trim().split('\n').map((line) => JSON.parse(line) as { id: string; probabilityA: number }); // biome-ignore format: a chain
    };
    const want = await lines('--base', w.base, ...adapter);
    const got = await lines('--base', w.at('whole'));
    expect(got.map(({ id }) => id)).toEqual(want.map(({ id }) => id));
    got.forEach(({ probabilityA }, i) => {
      expect(probabilityA).toBeCloseTo(want[i].probabilityA, 3);
    });
    const evaluated = await arena('evaluate', '--base', w.at('whole'), '--data', w.data, '--out', w.at('whole-report'));
    expect(evaluated.code).toBe(0);

    const twice = /whole: an adapter was merged into it already, and would count twice: leave --adapter out/;
    for (const command of ['predict', 'merge']) {
      const more = command === 'merge' ? ['--out', w.at('twice')] : ['--data', w.data];
      const { code, err } = await arena(command, '--base', w.at('whole'), ...adapter, ...more);
      expect(err).toMatch(twice);
      expect(code).toBe(1);
    }
    expect((await arena('predict', '--base', w.base, '--data', w.data)).err).toMatch(
      /base: --adapter is needed, unless/,
    );

    const trainedOn = await quickTrain({ ...w, base: w.at('whole') }, 'again', '--no-quantize');
    expect(trainedOn.out).toContain('the base has a merged adapter: training continues from it');
    const onMerged = ['--base', w.at('whole'), '--adapter', w.at('again/adapter')];
    expect((await arena('predict', ...onMerged, '--data', w.data)).code).toBe(0);
  });
});

describe('the command line', () => {
  test('unknown flags and commands are refused with a suggestion', async () => {
    const required = ['--base', w.base, '--data', w.data, '--out', w.at('unused')];
    expect((await arena('train', ...required, '--rnak', '4')).err).toContain('Did you mean --rank?');
    expect((await arena('trian')).err).toContain('Did you mean train?');
    expect((await arena('train', '--rank', '0')).err).toContain('a whole number from 1');
    expect((await arena('train')).code).toBe(1);
  });

  test('--help works everywhere', async () => {
    for (const command of [
      'doctor',
      'describe',
      'quantize',
      'train',
      'sweep',
      'evaluate',
      'predict',
      'merge',
      'quickstart',
    ]) {
      const { out, code } = await arena(command, '--help');
      expect(code).toBe(0);
      expect(out).toContain(`arena ${command}`);
    }
  });

  test('doctor names the engine that auto takes', async () => {
    const { out } = await arena('doctor');
    expect(out).toMatch(/wasm +ok, \d+ threads? <- auto/);
    expect(out).toMatch(/webgpu +no: /);
  });
});
