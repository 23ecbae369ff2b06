import { type EngineOptions, openEngine, provideEngine } from '@arena/runtime';
import { getBackend } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';

describe("openEngine('auto')", () => {
  test('is wasm where nothing faster opens, and says why each was passed over', async () => {
    provideEngine('cuda', async () => ({
      async open(options) {
        throw new Error(`no driver for GPU ${options.gpu}`);
      },
    }));
    const { name, threads, passedOver } = await openEngine('auto', { cuda: { gpu: 3 }, wasm: { threads: 1 } });
    expect({ name, threads, backend: getBackend() }).toEqual({ name: 'wasm', threads: 1, backend: 'arena-wasm' });
    expect(passedOver!.map(({ engine }) => engine)).toEqual(['cuda', 'webgpu']);
    expect(passedOver![0].reason).toBe('no driver for GPU 3');
    expect(passedOver![1].reason).toContain("engine 'webgpu' cannot be opened here: there is no WebGPU");
  });

  test('is the first that opens', async () => {
    provideEngine('cuda', async () => ({
      open: async () => ({ name: 'cuda', threads: 1, wide: false, notes: [], device: 'a GPU', dispose() {} }),
    }));
    expect(await openEngine()).toMatchObject({ name: 'cuda', device: 'a GPU', passedOver: [] });
  });
});

test.each([
  ['wasm', { bf16: true }, "engine 'wasm' has no option 'bf16': it is one of 'cuda'; 'wasm' has threads, relaxedSimd"],
  ['cpu', { threads: 2 }, "engine 'cpu' has no option 'threads': it is one of 'wasm'; 'cpu' has none"],
  ['auto', { threads: 2 }, "engine 'auto' has no option 'threads': it is one of 'wasm'; 'auto' has cuda, webgpu, wasm"],
  ['wasm', { treads: 2 }, "engine 'wasm' has no option 'treads': no engine has it"],
] as const)('engine %s refuses %o', async (name, options, message) => {
  await expect(openEngine(name as 'wasm', options as EngineOptions)).rejects.toThrow(message);
});

test('an option of a group is refused by name too, and one that is undefined is none', async () => {
  await expect(openEngine('auto', { wasm: { f16: true } as never })).rejects.toThrow("'wasm' has no option 'f16'");
  expect((await openEngine('cpu', { threads: undefined })).name).toBe('cpu');
});

test('there is no other engine', async () => {
  await expect(openEngine('metal' as 'wasm')).rejects.toThrow("there is no engine 'metal': use 'cuda'");
});
