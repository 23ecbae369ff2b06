/** @file examples/browser-pipeline: trains in the tab, then transformers.js' pipeline on the same judge. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import { keepReplies, PATIENCE, type ServedPage, serveExample } from './example-page.js';
import { hasLibrary } from './library.js';

interface Replies {
  replies: { trained?: { pipeline: number[]; judge: number[] }; scores?: { label: string; score: number }[] }[];
}

describe.skipIf(!existsSync(CHROMIUM) || !hasLibrary)('the page with a pipeline', () => {
  let served: ServedPage;
  let browser: Browser;
  let page: Page;
  const troubles: string[] = [];
  const requested: string[] = [];

  beforeAll(async () => {
    served = await serveExample('browser-pipeline');
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    page = await browser.newPage();
    await page.addInitScript(keepReplies);
    page.on('pageerror', ({ message }) => troubles.push(message));
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('request', (request) => requested.push(request.url()));
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  it("trains, and the pipeline gives the judge's numbers", async () => {
    await page.goto(served.url);
    await page.click('#train');
    await page.waitForFunction(
      () =>
        document.getElementById('status')!.textContent!.startsWith('trained') ||
        !document.getElementById('error')!.hidden,
      null,
      PATIENCE,
    );
    expect(await page.textContent('#error')).toBe('');
    await page.click('#form button');
    await page.waitForFunction(() => document.getElementById('scores')!.textContent !== '', null, PATIENCE);

    const replies = await page.evaluate(() => (window as unknown as Replies).replies);
    const { pipeline, judge } = replies.find(({ trained }) => trained)!.trained!;
    expect(judge.length).toBe(20);
    expect(new Set(judge.map((p) => p.toFixed(3))).size).toBeGreaterThan(5);
    expect(Math.max(...pipeline.map((p, i) => Math.abs(p - judge[i])))).toBeLessThan(1e-6);
    const [best, other] = replies.find(({ scores }) => scores)!.scores!;
    expect(best).toEqual({ label: 'A', score: expect.any(Number) }); // the careful answer, in words that voters liked
    expect(best.score).toBeGreaterThan(0.5);
    expect(best.score + other.score).toBeCloseTo(1, 6);
    expect(troubles).toEqual([]);
    // the page and its scripts, the engine's Workers, nothing of onnxruntime's and nothing from elsewhere
    const own = [served.url, `blob:${served.url}`];
    expect(requested.filter((url) => !own.some((start) => url.startsWith(start)) || url.endsWith('.wasm'))).toEqual([]);
  }, 600_000);
});
