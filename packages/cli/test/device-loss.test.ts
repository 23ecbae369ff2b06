/** @file What `arena train` says when the GPU is lost. The loss itself is tested with engine `webgpu` in @arena/browser-tests. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeviceLostError } from '@arena/runtime';
import { afterAll, expect, test } from 'vitest';
import { lostDeviceMessage } from '../src/commands/train.js';

const out = await mkdtemp(join(tmpdir(), 'arena-lost-'));
afterAll(() => rm(out, { recursive: true }));

test('names the checkpoint to go on from, or says that there is none', async () => {
  const lost = new DeviceLostError('the GPU device was lost');
  expect(await lostDeviceMessage(lost, out)).toBe(
    'the GPU device was lost; no checkpoint was saved yet (--save-every): start the run again',
  );
  for (const step of [9, 10]) {
    await mkdir(join(out, `checkpoint-${step}`));
    await writeFile(join(out, `checkpoint-${step}`, 'trainer_state.json'), '{}');
  }
  expect(await lostDeviceMessage(lost, out)).toBe(
    `the GPU device was lost; the same command with --resume continues from ${out}/checkpoint-10`,
  );
});
