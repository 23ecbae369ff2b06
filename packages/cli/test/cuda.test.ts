/** @file The command on engine `cuda`, emulated. */
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { emulatedDriver, hasCompiler } from '../../cuda/test/emulator/build.js';
import { arena, BATTLES, QUICK, type Workspace, workspace } from './workspace.js';

let w: Workspace;

describe.skipIf(!hasCompiler())('engine cuda, emulated', { timeout: 300_000 }, () => {
  beforeAll(async () => {
    w = await workspace();
    process.env.ARENA_CUDA_LIBRARY = emulatedDriver();
  }, 300_000);
  afterEach(() => {
    delete process.env.EMULATED_DEVICES;
  });

  test('doctor lists the GPUs', async () => {
    process.env.EMULATED_DEVICES = '2';
    const { out } = await arena('doctor');
    expect(out).toMatch(/^cuda +ok, Emulated GPU 0 <- auto$/m);
    expect(out).toMatch(/^nvidia +driver .*\.so for CUDA 13\.0$/m);
    expect(out).toMatch(/^nvidia +GPU 1: Emulated GPU 1, compute capability 8\.0, 4 multiprocessors, 1\.0 GiB$/m);
    expect(out).toMatch(/^nvidia +cuBLASLt /m);
    expect(out).toMatch(/^nvidia +one GPU is used at a time: --gpu N or CUDA_VISIBLE_DEVICES chooses it$/m);
  });

  test('trains, and gives the losses of engine wasm', async () => {
    const data = await w.votes('few.jsonl', BATTLES.slice(0, 30));
    const losses = async (engine: string) => {
      const out = w.at(engine);
      const run = await arena('train', '--base', w.base, '--data', data, '--out', out, ...QUICK, '--engine', engine);
      expect(run).toMatchObject({ code: 0 });
      const log = readFileSync(`${out}/log.jsonl`, 'utf8').trim().split('\n');
      return log.map((line) => (JSON.parse(line) as { loss?: number }).loss).filter((loss) => loss !== undefined);
    };
    const [cuda, wasm] = [await losses('cuda'), await losses('wasm')];
    expect(wasm.length).toBeGreaterThan(2);
    expect(cuda.length).toBe(wasm.length);
    cuda.forEach((loss, step) => {
      expect(loss).toBeCloseTo(wasm[step], 4);
    });
  });

  const trainOn = (...flags: string[]) =>
    arena('train', '--base', w.base, '--data', w.data, '--out', w.at('no'), ...flags);

  test('a GPU is taken unasked, as is the engine of a flag; --memory is the most of its memory', async () => {
    const run = async (out: string, ...flags: string[]) => {
      const few = ['--max-steps', '1', '--out', w.at(out), ...QUICK, ...flags];
      const { out: said, code } = await arena('train', '--base', w.base, '--data', w.data, ...few);
      expect(code).toBe(0);
      return said.split('\n')[0];
    };
    expect(await run('auto')).toBe('engine cuda on Emulated GPU 0, 1 thread, float32');
    expect(await run('threads', '--threads', '1', '--blas', 'off')).toBe('engine wasm, 1 thread, float32');
    const { err, code } = await trainOn('--memory', '1MB', ...QUICK, '--out', w.at('small'));
    expect(err).toMatch(
      /^arena train: a step of \d+ tokens takes .*, the budget is 1 MB: lower the tokens of a batch/m,
    );
    expect(code).toBe(1);
  });

  test('an unknown GPU, and a flag of another engine, are refused in one line', async () => {
    const { err, code } = await trainOn('--engine', 'cuda', '--gpu', '3');
    expect(err).toBe(
      "arena train: engine 'cuda': there is no GPU 3: the driver shows 0: Emulated GPU 0 (compute capability 8.0)\n",
    );
    expect(code).toBe(1);
    const other = await trainOn('--engine', 'wasm', '--gpu', '0');
    expect(other).toMatchObject({ code: 1, err: 'arena train: --gpu is a flag of engine cuda, not of engine wasm\n' });
    expect(existsSync(w.at('no'))).toBe(false);
    const both = await trainOn('--bf16', '--f16');
    expect(both).toMatchObject({
      code: 1,
      err: 'arena train: --bf16 is a flag of engines cuda and wasm, not of engine webgpu\n',
    });
  });
});
