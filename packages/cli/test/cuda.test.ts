/** @file The command on engine `cuda`, emulated. */
import { readFileSync } from 'node:fs';
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
    expect(out).toMatch(/^cuda +ok, Emulated GPU 0$/m);
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

  test('an unknown GPU is refused in one line', async () => {
    const { err, code } = await arena(
      'train',
      '--base',
      w.base,
      '--data',
      w.data,
      '--out',
      w.at('no'),
      '--engine',
      'cuda',
      '--gpu',
      '3',
    );
    expect(err).toBe(
      "arena train: engine 'cuda': there is no GPU 3: the driver shows 0: Emulated GPU 0 (compute capability 8.0)\n",
    );
    expect(code).toBe(1);
  });
});
