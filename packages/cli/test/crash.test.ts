/**
 * @file kill -9 at seeded moments, also in the middle of a save, through the built executable: --resume ends with the bits
 * of the run that nobody killed. ARENA_CRASH_POINTS sets how many kills (default 20); a run that ends before them is followed by another.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadCheckpoint } from '@arena/trainer';
import { latestCheckpoint } from '@arena/trainer/checkpoint';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { QUICK, type Workspace, workspace } from './workspace.js';

const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
const POINTS = Number(process.env.ARENA_CRASH_POINTS ?? 20);
const FLAGS = [...QUICK, '--max-steps', '60', '--epochs', '8', '--threads', '1', '--save-every', '1', '--keep', '3'];
let w: Workspace;

beforeAll(async () => {
  expect(existsSync(BIN), `${BIN} is missing: build first`).toBe(true);
  w = await workspace();
});
afterAll(() => rmSync(w.folder, { recursive: true }));

function start(out: string, more: string[] = []): { child: ChildProcess; ended: Promise<number | null> } {
  const files = ['--base', w.base, '--data', w.data, '--out', out];
  const child = spawn(process.execPath, [BIN, 'train', ...files, ...FLAGS, ...more], { stdio: 'ignore' });
  return { child, ended: new Promise((resolve) => child.on('close', resolve)) };
}

/** Kills the run `wait` ms after it has saved its next checkpoint; false when it came to its end before. */
async function killAfterNextSave(out: string, more: string[], wait: number): Promise<boolean> {
  const { child, ended } = start(out, more);
  const before = await latestCheckpoint(out);
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over && (await latestCheckpoint(out)) === before) await new Promise((resolve) => setTimeout(resolve, 2));
  await new Promise((resolve) => setTimeout(resolve, wait));
  child.kill('SIGKILL');
  return (await ended) !== 0;
}

test(`${POINTS} kills do not change the result`, { timeout: 60_000 + 15_000 * POINTS }, async () => {
  expect(await start(w.at('whole')).ended).toBe(0);
  let state = 17;
  const random = (below: number) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % below;
  let kills = 0;
  for (let run = 0; kills < POINTS; run++) {
    const out = w.at(`killed-${run}`);
    while (kills < POINTS && (await killAfterNextSave(out, existsSync(out) ? ['--resume'] : [], random(40)))) {
      kills++;
      // whatever has the name of a checkpoint is whole
      for (const name of readdirSync(out).filter((one) => /^checkpoint-\d+$/.test(one))) {
        await loadCheckpoint(join(out, name));
      }
    }
    // it came to its end, or there were kills enough
    expect(await start(out, ['--resume']).ended).toBe(0);
    for (const file of ['adapter/adapter_model.safetensors', 'log.jsonl', 'predictions.jsonl']) {
      expect(readFileSync(join(out, file)).equals(readFileSync(join(w.at('whole'), file))), file).toBe(true);
    }
    rmSync(out, { recursive: true });
  }
});
