/**
 * @file Engine `webgpu` in Node, on Dawn (package `webgpu`, 130 MB, hence not a dependency): the environment variable
 * ARENA_DAWN names a folder with that package in its node_modules. Chromium's software adapter computes, unless
 * VK_DRIVER_FILES names another driver.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCase } from '@arena/conformance';
import { loraLinearBackwardOp, loraLinearOp } from '@arena/lora/ops';
import { linear4bitOp, tuneWebgpu } from '@arena/quant/ops';
import { openEngine, startProfile } from '@arena/runtime';
import { type AnyOp, checkOps } from '@arena/runtime/op';
import { gpuLauncher, storeTiles, tileName, tilesOf } from '@arena/runtime/webgpu';
import { adamWOp } from '@arena/trainer/optimizer';
import { backend, type KernelBackend, memory } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { folderSource } from '../../conformance/src/node-source.js';
import { CHROMIUM } from '../chromium.js';
import { expectSameTraining } from './browser/same-training.js';
import { type TrainingResult, trainTiny } from './browser/training.js';

const FOLDER = process.env.ARENA_DAWN ?? '';
const FIXTURES = fileURLToPath(new URL('../../conformance/fixtures', import.meta.url));
const DRIVER = ['/usr/lib/chromium', dirname(CHROMIUM)]
  .map((folder) => join(folder, 'vk_swiftshader_icd.json'))
  .find(existsSync);

/** Compiling kernels for a software adapter takes long on a slow machine. */
const PATIENCE = 300_000;

/** Without it the tests are left out; CI must have it. */
const present = existsSync(join(FOLDER, 'node_modules/webgpu')) || process.env.CI === 'true';

const launcher = () => gpuLauncher(backend() as unknown as KernelBackend);
const cache = mkdtempSync(join(tmpdir(), 'arena-cache-'));

describe.skipIf(!present)('engine webgpu in Node, on the package webgpu of ARENA_DAWN', () => {
  beforeAll(() => {
    vi.spyOn(process, 'cwd').mockReturnValue(FOLDER); // the engine looks for the package in the project that it runs in
    if (DRIVER) process.env.VK_DRIVER_FILES ??= DRIVER;
    process.env.XDG_RUNTIME_DIR ??= FOLDER; // or the loader of Vulkan complains
    process.env.XDG_CACHE_HOME = cache;
  });
  afterAll(() => {
    vi.restoreAllMocks();
    rmSync(cache, { recursive: true });
  });

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

  it(
    'passes the golden cases of areas gemma and lora',
    async () => {
      await openEngine('webgpu');
      const source = await folderSource(FIXTURES);
      const folders = source.folders.filter((folder) => /^(gemma|lora)\//.test(folder));
      expect(folders.length).toBeGreaterThan(4);
      for (const folder of folders) {
        const { status, failures } = await runCase(source, folder);
        expect({ folder, status, failures }).toEqual({ folder, status: 'passed', failures: [] });
      }
    },
    PATIENCE,
  );

  it(
    'products are right with larger tiles',
    async () => {
      await openEngine('webgpu');
      const large = tilesOf(launcher().backend.device.limits).find((tile) => tileName(tile) === '8x8x16+')!;
      launcher().tiles = { nt: large, nn: large, tn: large };
      // the other samples are too small for these tiles
      const ops = [linear4bitOp, loraLinearOp, loraLinearBackwardOp].map((op: AnyOp) => ({
        ...op,
        samples: () => op.samples().filter(({ inputs }) => inputs.x.shape[0] > 64),
      }));
      const results = await checkOps(ops, 'webgpu');
      expect(new Set(results.map(({ op }) => op)).size).toBe(3);
      expect(results.filter(({ passed, path }) => !passed || path !== 'kernel')).toEqual([]);
      expect(results.filter(({ largest }) => largest > 0).length).toBe(results.length);
    },
    PATIENCE,
  );

  it(
    'tiles agree with each other, and the fastest of each form are kept for the next opening',
    async () => {
      await openEngine('webgpu');
      const tiles = tilesOf(launcher().backend.device.limits).map(tileName);
      expect(tiles.length).toBeGreaterThan(5);
      const times = await tuneWebgpu({ tokens: 70, width: 128, rounds: 1 });
      for (const form of ['nt', 'nn', 'tn'] as const) {
        const own = times.filter((time) => time.form === form);
        expect(own.map(({ tile }) => tile)).toEqual(tiles); // one whose result differs is left out
        const best = Math.min(...own.map(({ milliseconds }) => milliseconds));
        const [chosen, ...others] = own.filter((time) => time.chosen);
        expect(others).toEqual([]);
        expect(chosen.milliseconds).toBe(best);
        expect(tileName(launcher().tiles[form])).toBe(chosen.tile);
      }
      const kept = { nt: '4x8x16+', nn: '8x8x8', tn: '8x4x16+' };
      const named = (name: string) =>
        tilesOf(launcher().backend.device.limits).find((tile) => tileName(tile) === name)!;
      launcher().tiles = { nt: named(kept.nt), nn: named(kept.nn), tn: named(kept.tn) };
      const file = storeTiles(launcher())!;
      expect(file.startsWith(cache)).toBe(true);
      const reopened = async () => {
        const { device } = launcher().backend;
        device.destroy();
        await device.lost;
        await openEngine('webgpu');
        const { nt, nn, tn } = launcher().tiles;
        return { nt: tileName(nt), nn: tileName(nn), tn: tileName(tn) };
      };
      expect(await reopened()).toEqual(kept);
      const unmeasured = { nt: '4x4x16', nn: '4x4x16', tn: '4x4x16' }; // of a software adapter
      writeFileSync(file, readFileSync(file, 'utf8').replace('8x8x8', '9x9x9'));
      if (launcher().software) expect(await reopened()).toEqual(unmeasured);
      writeFileSync(file, '{"a file that was cut');
      if (launcher().software) expect(await reopened()).toEqual(unmeasured);
      rmSync(file);
    },
    PATIENCE,
  );

  it(
    'half precision is used where it is asked for and offered; elsewhere the engine says that it is not',
    async ({ skip }) => {
      const { notes } = await openEngine('webgpu', { f16: true });
      if (notes.length) {
        expect(notes).toEqual(['this device computes in float32 alone: there is no half precision']);
        skip('the adapter has no shader-f16');
      }
      const results = await checkOps([linear4bitOp, loraLinearOp, loraLinearBackwardOp], 'webgpu', { f16: true });
      expect(results.filter(({ passed }) => !passed)).toEqual([]);
      for (const op of ['Linear4bit', 'LoraLinear', 'LoraLinearBackward']) {
        const errors = results.filter((result) => result.op === op).map(({ maxError }) => maxError);
        expect(Math.max(...errors)).toBeGreaterThan(1e-5); // float32 is far below
      }
      await openEngine('webgpu');
      const [exact] = await checkOps([linear4bitOp], 'webgpu');
      expect(exact.maxError).toBeLessThan(2e-5);
    },
    3 * PATIENCE,
  );
});
