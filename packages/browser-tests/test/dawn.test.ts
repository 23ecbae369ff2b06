/**
 * @file Engine `webgpu` in Node, on Dawn (package `webgpu`, 130 MB, hence not a dependency): the environment variable
 * ARENA_DAWN names a folder with that package in its node_modules. Chromium's software adapter computes, unless
 * VK_DRIVER_FILES names another driver.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { linear4bitOp } from '@arena/quant';
import { checkOps, openEngine, startProfile } from '@arena/runtime';
import { adamWOp } from '@arena/trainer';
import { backend, memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CHROMIUM } from '../chromium.js';
import { expectSameTraining } from './browser/same-training.js';
import { type TrainingResult, trainTiny } from './browser/training.js';

const FOLDER = process.env.ARENA_DAWN ?? '';
const DRIVER = ['/usr/lib/chromium', dirname(CHROMIUM)]
  .map((folder) => join(folder, 'vk_swiftshader_icd.json'))
  .find(existsSync);

/** Compiling kernels for a software adapter takes long on a slow machine. */
const PATIENCE = 300_000;

/** Without it the tests are left out; CI must have it. */
const present = existsSync(join(FOLDER, 'node_modules/webgpu')) || process.env.CI === 'true';

describe.skipIf(!present)('engine webgpu in Node, on the package webgpu of ARENA_DAWN', () => {
  beforeAll(() => {
    vi.spyOn(process, 'cwd').mockReturnValue(FOLDER); // the engine looks for the package in the project that it runs in
    if (DRIVER) process.env.VK_DRIVER_FILES ??= DRIVER;
    process.env.XDG_RUNTIME_DIR ??= FOLDER; // or the loader of Vulkan complains
  });
  afterAll(() => void vi.restoreAllMocks());

  it(
    'names its adapter and computes two ops by their kernels',
    async () => {
      const engine = await openEngine('webgpu');
      expect(engine.device).toMatch(/\w/);
      const results = await checkOps([linear4bitOp, adamWOp], 'webgpu');
      expect(results.length).toBeGreaterThan(20);
      expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
      expect(results.filter(({ largest }) => largest > 0).length).toBeGreaterThan(20);
      engine.dispose();
    },
    PATIENCE,
  );

  it(
    'a training step is that of engine wasm; a device that is lost in the middle of one is named, and a new one goes on',
    async () => {
      const wasm = await openEngine('wasm', { threads: 1, relaxedSimd: false });
      const want = await trainTiny();
      wasm.dispose();

      const engine = await openEngine('webgpu');
      const profile = startProfile();
      expect(() => startProfile()).toThrow(/is being timed already/);
      expectSameTraining(await trainTiny(), want, 2e-5);
      const times = await profile.stop();
      expect(profile.clock).toBe('gpu');
      const calls = Object.fromEntries(times.map((time) => [time.name, time.calls]));
      // two layers of four norms, two of them with the residual, and the final one; the plain ones once more on the way back;
      // A and B of seven linears in two layers, and the head
      expect(calls).toMatchObject({ RmsNorm: 9, 'RmsNorm+residual': 4, AdamW: 29 });
      for (const { milliseconds } of times) expect(milliseconds).toBeGreaterThanOrEqual(0);
      expect(times[0].milliseconds).toBeGreaterThan(0);

      const { device } = backend() as unknown as { device: GPUDevice };
      const lost: Promise<TrainingResult> = trainTiny();
      await new Promise((resolve) => setTimeout(resolve, 20)); // some launches are recorded, none has been read
      device.destroy();
      await expect(lost).rejects.toThrow(/engine 'webgpu' is closed: open it again/);
      engine.dispose();

      const again = await openEngine('webgpu');
      expect((backend() as unknown as { device: GPUDevice }).device).not.toBe(device);
      expectSameTraining(await trainTiny(), want, 2e-5);
      expect(memory().numBytes).toBeGreaterThan(0);
      again.dispose();
    },
    PATIENCE,
  );
});
