/** @file examples/browser on a host of static files that sends no headers: threads, offline, a new deployment, and what it may load. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesFolder } from '@arena/files';
import { bytesTarget } from '@arena/files/write';
import { openBase, readJudge } from '@arena/judge/run';
import { writeOnnxFolder } from '@arena/onnx';
import { unzipSync } from 'fflate';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import { buildExample, idle, openExample, PATIENCE, settings, status, train, until } from './example-page.js';
import { hasLibrary, loadLibrary } from './library.js';
import { type StaticHost, staticHost } from './static-host.js';

let folder: string;
let host: StaticHost;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let loads: number;

const at = (name: string) => join(folder, name);
const engine = () => page.textContent('#engine');
const isIsolated = () => page.evaluate(() => crossOriginIsolated);

/** Waits for the page that a service worker serves. */
async function controlled(): Promise<void> {
  await until(page, () => navigator.serviceWorker.controller && document.querySelector('#battle .answer'));
  await idle(page);
}

/** The caches of the page, and a file of each. */
function cachesNow(): Promise<string[]> {
  return page.evaluate(() => caches.keys());
}

/** What onnxruntime says of a few tokens. */
async function logitsOf(model: Uint8Array): Promise<number[]> {
  const { InferenceSession, Tensor } = await loadLibrary('onnxruntime-node');
  const session = await InferenceSession.create(model);
  const ids = BigInt64Array.from([2n, 9n, 40n, 7n, 100n, 31n]);
  const int64 = (values: BigInt64Array) => new Tensor('int64', values, [1, values.length]);
  const { logits } = await session.run({ input_ids: int64(ids), attention_mask: int64(ids.map(() => 1n)) });
  return Array.from(logits.data as Float32Array);
}

/** The page's ONNX folder is the one that Node makes of the page's zip. */
async function sameOnnx(zip: Record<string, Uint8Array>, found: Record<string, Uint8Array>): Promise<void> {
  const within = (folder: string) =>
    Object.fromEntries(
      Object.entries(zip).flatMap(([name, bytes]) =>
        name.startsWith(folder) ? [[name.slice(folder.length), bytes]] : [],
      ),
    );
  const base = await openBase(bytesFolder(within('base/')), 'tiny base of random weights');
  const [folder, onnx] = [bytesTarget(), bytesTarget()];
  await writeOnnxFolder(base, await readJudge(bytesFolder(within('adapter/'))), { folder, onnx });
  expect(Object.keys(found).sort()).toEqual([
    ...['README.md', 'arena.json', 'config.json', 'onnx/model.onnx', 'tokenizer.json', 'tokenizer_config.json'],
  ]);
  if (hasLibrary) {
    // not byte by byte: sines of two versions of V8 differ in their last bits
    const [own, other] = await Promise.all([found['onnx/model.onnx'], onnx.files['model.onnx']].map(logitsOf));
    expect(own).toHaveLength(2);
    own.forEach((value, i) => {
      expect(Math.abs(value - other[i])).toBeLessThan(1e-4);
    });
  }
  expect(found['config.json']).toEqual(folder.files['config.json']);
}

describe.skipIf(!existsSync(CHROMIUM))('the example page on a static host', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'arena-host-'));
    await buildExample(at('first'));
    await buildExample(at('second'), {
      plugins: [
        {
          name: 'other',
          transform: (code, id) =>
            id.endsWith('/page/main.ts') ? `document.documentElement.dataset.deployment = 'second';\n${code}` : null,
        },
      ],
    });
    host = await staticHost(at('first'));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await host?.goAway();
    await rm(folder, { recursive: true, force: true });
  });

  beforeEach(async () => {
    context = await browser.newContext();
    page = await context.newPage();
    loads = 0;
    page.on('load', () => loads++);
    return () => context.close();
  });

  it('has threads after one load more, opens and trains offline, and takes a new deployment at the next load', async () => {
    await page.goto(host.url);
    await until(page, () => crossOriginIsolated && document.querySelector('#battle .answer'));
    await idle(page);
    expect(await engine()).toContain('2 threads');
    expect(loads).toBe(2);
    const [first, ...none] = await cachesNow();
    expect(none).toEqual([]);

    await host.goAway();
    await page.reload();
    await controlled();
    expect(await engine()).toContain('2 threads');
    await page.click('#base-tiny');
    await status(page, 'base is ready');
    await settings(page, { 'max-tokens': '96', rank: '4' });
    await train(page);

    await host.comeBack();
    host.serve(at('second'));
    await page.reload();
    expect(await page.evaluate(() => document.documentElement.dataset.deployment)).toBe('second');
    await controlled();
    expect(await isIsolated()).toBe(true);
    await until(
      page,
      async (old) => {
        const names = await caches.keys();
        return names.length === 1 && names[0] !== old;
      },
      first,
    );
    await host.goAway();
    await page.reload();
    await controlled();
    expect(await page.evaluate(() => document.documentElement.dataset.deployment)).toBe('second');
    expect(loads).toBe(5); // nothing but what is above
    await host.comeBack();
    host.serve(at('first'));
  }, 300_000);

  it('does not load again what a person has begun, nor in a loop; `?no-sw` leaves the host as it is', async () => {
    await page.addInitScript(() => {
      const { register } = ServiceWorkerContainer.prototype;
      ServiceWorkerContainer.prototype.register = async function (...args) {
        await new Promise((resolve) => Object.assign(window, { letIn: resolve }));
        return register.apply(this, args);
      };
    });
    await openExample(page, host.url);
    await page.press('body', 'a');
    await until(page, () => 'letIn' in window);
    await page.evaluate(() => (window as unknown as { letIn(): void }).letIn());
    await until(page, () => navigator.serviceWorker.controller);
    expect(await page.textContent('#voted')).toMatch(/^You chose A/);
    expect(loads).toBe(1);
    expect(await isIsolated()).toBe(false);
    await openExample(page, host.url); // the next visit has what the first one lacked
    expect(await isIsolated()).toBe(true);

    await openExample(page, `${host.url}?no-sw`);
    await until(page, async () => !(await navigator.serviceWorker.getRegistrations()).length);
    await openExample(page, `${host.url}?no-sw`);
    expect(await isIsolated()).toBe(false);
    expect(await engine()).toContain('1 thread');
    expect(loads).toBe(4);
  }, 120_000);

  it('loads nothing that its policy forbids, in page and Worker; no text becomes code; the report is whole', async () => {
    const troubles: string[] = [];
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('pageerror', ({ message }) => troubles.push(message));
    await page.addInitScript(() => {
      const violations: string[] = [];
      Object.assign(window, { violations });
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        violations.push(`${violatedDirective} ${blockedURI}`),
      );
    });
    await page.goto(host.url);
    await until(page, () => crossOriginIsolated && document.querySelector('#battle .answer'));
    await idle(page);
    const votes = Array.from({ length: 60 }, (_, i) => `question ${i},one ${i},two ${i},${i % 2 ? 'a' : 'b'}`);
    await writeFile(at('votes.csv'), `prompt,response_a,response_b,winner\n${votes.join('\n')}\n`);
    await page.setInputFiles('#votes-files', at('votes.csv'));
    await status(page, 'votes are ready');
    await page.click('#base-tiny');
    await status(page, 'base is ready');
    await settings(page, { 'max-tokens': '96', rank: '4' });
    await train(page);
    await page.click('.chips button');
    await page.waitForSelector('#verdict .shares', PATIENCE);
    await idle(page);
    const [saving] = await Promise.all([page.waitForEvent('download'), page.click('#adapter-save')]);
    await saving.saveAs(at('judge.zip'));
    await status(page, 'Saved');
    const [exporting] = await Promise.all([page.waitForEvent('download'), page.click('#onnx-save')]);
    await exporting.saveAs(at('judge-onnx.zip'));
    await status(page, 'Saved');
    await sameOnnx(unzipSync(await readFile(at('judge.zip'))), unzipSync(await readFile(at('judge-onnx.zip'))));
    await page.click('#report-box summary');
    const report = page.frameLocator('#report');
    await report.locator('nav a').last().click();
    expect(await report.locator('h1').count()).toBe(1); // the report, not the page within itself
    const colour = await report.locator('.verdict').evaluate((one) => getComputedStyle(one).borderLeftWidth);
    expect(colour).toBe('4px');
    expect(await page.evaluate(() => (window as unknown as { violations: string[] }).violations)).toEqual([]);
    expect(troubles).toEqual([]);

    // evaluate() itself is allowed more than the page is
    await page.evaluate(() => {
      setTimeout(() => {
        try {
          // biome-ignore lint/security/noGlobalEval: that it is refused is the point
          Object.assign(window, { said: String(eval('1 + 1')) });
        } catch (error) {
          Object.assign(window, { said: (error as Error).name });
        }
      });
    });
    await until(page, () => 'said' in window);
    expect(await page.evaluate(() => (window as unknown as { said: string }).said)).toBe('EvalError');
  }, 300_000);
});
