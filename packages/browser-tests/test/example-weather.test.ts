/** @file examples/browser in bad weather: an address that is not safe, a browser without SIMD, no network, no room. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import { buildExample, idle, openExample, PATIENCE, settings, shownError, status, train } from './example-page.js';
import { type StaticHost, staticHost } from './static-host.js';

let folder: string;
let host: StaticHost;
let browser: Browser;
let context: BrowserContext;
let page: Page;

/** Few steps on short battles. */
async function trainFast(): Promise<void> {
  await page.click('#base-tiny');
  await status(page, 'base is ready');
  await settings(page, { 'max-tokens': '96', rank: '2', 'batch-size': '64' });
  await train(page);
}

/** Puts a line in front of the Worker's script. */
async function inWorker(line: string): Promise<void> {
  await page.route('**/worker-*.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${line}\n${await response.text()}` });
  });
}

describe.skipIf(!existsSync(CHROMIUM))('the example page in bad weather', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'arena-weather-'));
    await buildExample(join(folder, 'page'));
    host = await staticHost(join(folder, 'page'));
    const args = [...CHROMIUM_FLAGS, '--host-resolver-rules=MAP lan.test 127.0.0.1'];
    browser = await chromium.launch({ executablePath: CHROMIUM, args });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await host?.goAway();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    context = await browser.newContext({ serviceWorkers: 'block' });
    page = await context.newPage();
    return () => context.close();
  });

  it('over http in a local network it trains on one thread, and says what is missing', async () => {
    await openExample(page, `http://lan.test:${host.port}/`);
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    expect(await page.textContent('#unsafe')).toMatch(/not a safe one.*one core, no GPU and no storage/);
    expect(await page.textContent('#engine')).toContain('1 thread');
    await trainFast();
    expect(await page.textContent('#notes')).toContain('keeps no files of this page');
  }, 300_000);

  it('without SIMD it says so in a sentence', async () => {
    await inWorker('WebAssembly.validate = () => false;');
    await page.goto(host.url);
    await page.waitForSelector('#error', PATIENCE);
    expect(await shownError(page)).toMatch(/needs WebAssembly with SIMD.*Chrome 91, Firefox 89 and Safari 16\.4/);
    await page.click('#votes-synthetic'); // usable: votes can be read
    await status(page, 'votes are ready');
  }, 60_000);

  it('without a network a download fails with a sentence, and the rest goes on', async () => {
    await openExample(page, host.url);
    await context.setOffline(true);
    await page.fill('#base-hub', 'google/gemma-3-270m');
    await page.click('#base-load');
    await idle(page);
    await page.waitForSelector('#error', PATIENCE);
    expect(await shownError(page)).toMatch(/huggingface\.co cannot be reached.*is this machine online\?/);
    await page.click('#votes-from-hub summary');
    await page.fill('#votes-hub', 'you/votes');
    await page.click('#votes-hub-load');
    await idle(page);
    // the part that reads hub sets is loaded at its first use, and here no service worker has it
    expect(await shownError(page)).toMatch(/part of this page cannot be fetched: is this machine online\?/);
    await page.click('#base-tiny');
    await status(page, 'base is ready');
  }, 60_000);

  it('without room it trains all the same, and says that a reload would lose it', async () => {
    await openExample(page, host.url);
    const session = await context.newCDPSession(page);
    const { origin } = new URL(host.url);
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1000 });
    await trainFast();
    expect(await page.textContent('#notes')).toMatch(/no room left.*a reload would lose it/);
  }, 300_000);

  it('foretells what real bases take without fetching any of them', async () => {
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).hostname));
    await openExample(page, host.url);
    await page.click('#base-estimate');
    await status(page, 'Measured');
    const sizes = await page.locator('#base-sizes li').allTextContents();
    expect(sizes).toHaveLength(3);
    for (const text of sizes)
      expect(text).toMatch(/about \d+ (min|h) for these votes on this machine, and [\d.]+ [MG]B/);
    expect(new Set(asked)).toEqual(new Set(['localhost']));
    await page.click('#votes-synthetic'); // of other votes nothing is known
    await status(page, 'votes are ready');
    expect(await page.textContent('#base-sizes')).not.toContain('about');
  }, 300_000);
});
