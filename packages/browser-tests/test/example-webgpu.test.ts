/** @file examples/browser on engine `webgpu`: the choice of the engine, and a GPU that fails in the middle of training. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyGguf } from '../../gguf/test/tiny-base.js';
import { CHROMIUM, CHROMIUM_FLAGS, WEBGPU_FLAGS } from '../chromium.js';
import {
  openExample,
  PATIENCE,
  type ServedPage,
  serveExample,
  settings,
  status,
  train,
  until,
} from './example-page.js';

let served: ServedPage;
let browser: Browser;
let page: Page;

/** Sixty short votes: a software adapter trains on few tokens a second. */
function fewVotes(): string {
  return Array.from({ length: 60 }, (_, id) =>
    JSON.stringify({
      id,
      prompt: `question ${id} of ${(7 * id) % 13}?`,
      response_a: `yes ${id}`,
      response_b: `no ${3 * id}`,
      winner: id % 3 ? 'model_a' : 'model_b',
    }),
  ).join('\n');
}

async function reachedStep(least: number): Promise<void> {
  await until(
    page,
    (wanted) => Number(/step (\d+) of/.exec(document.getElementById('status')!.textContent!)?.[1]) >= wanted,
    least,
  );
}

describe.skipIf(!existsSync(CHROMIUM))('the example page on engine webgpu', () => {
  beforeAll(async () => {
    served = await serveExample();
    await writeFile(join(served.folder, 'votes.jsonl'), fewVotes());
    const args = [...CHROMIUM_FLAGS, ...WEBGPU_FLAGS, '--headless=new'];
    browser = await chromium.launch({ executablePath: CHROMIUM, args, headless: false });
    page = await (await browser.newContext()).newPage();
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  it('takes the engine that is chosen and keeps the choice; training goes on by itself after the GPU failed', async () => {
    await openExample(page, served.url);
    expect(await page.textContent('#engine')).toContain('engine wasm');
    await page.click('#hood summary');
    await page.selectOption('#engine-choice', 'webgpu');
    await status(page, 'Computes with webgpu');
    expect(await page.textContent('#engine')).toMatch(/engine webgpu, .*swiftshader/i);
    await openExample(page, page.url());
    expect(await page.inputValue('#engine-choice')).toBe('webgpu');
    expect(await page.textContent('#engine')).toContain('engine webgpu');

    await page.setInputFiles('#votes-files', join(served.folder, 'votes.jsonl'));
    await status(page, 'votes are ready');
    await page.click('#base-tiny');
    await status(page, 'base is ready');
    await settings(page, { 'batch-size': '1', rank: '2', 'first-layer': '3', 'max-tokens': '96' });
    await page.click('#train');
    await reachedStep(7); // a tenth of the steps, and so a checkpoint, is behind
    const session = await browser.newBrowserCDPSession();
    await session.send('Browser.crashGpuProcess').catch(() => {}); // no answer comes
    await page.waitForSelector('#notes p', PATIENCE);
    expect(await page.textContent('#notes')).toContain('training continues from the last checkpoint');
    await status(page, 'Trained');
    expect(await page.isVisible('#race')).toBe(true);
  }, 600_000);

  it('trains on a GGUF file, and says that the engine widens its blocks', async () => {
    const base = join(served.folder, 'tiny.gguf');
    await writeFile(base, await tinyGguf());
    await openExample(page, `${served.url}?engine=webgpu`);
    expect(await page.textContent('#engine')).toContain('engine webgpu');
    await page.setInputFiles('#votes-files', join(served.folder, 'votes.jsonl'));
    await status(page, 'votes are ready');
    await page.setInputFiles('#base-files', base);
    await status(page, 'base is ready');
    await settings(page, { 'batch-size': '16', rank: '2', 'max-tokens': '96' });
    await train(page);
    expect(await page.textContent('#notes')).toMatch(/^engine webgpu has no kernels for blocks of Q8_0: 14 matrices/);
  }, 600_000);
});
