/** @file The whole journey through examples/browser, bundled and served as its users get it. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright';
import { build, type PreviewServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import shared from '../../../vitest.package.js';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';

const ROOT = fileURLToPath(new URL('../../../examples/browser', import.meta.url));
const PATIENCE = { timeout: 300_000 };

let folder: string;
let server: PreviewServer;
let browser: Browser;
let page: Page;
let url: string;
const troubles: string[] = [];

/** Waits for a word in the status line; the page's error, if any, is the test's. */
async function status(word: string): Promise<void> {
  await page.waitForFunction(
    (wanted) =>
      document.getElementById('status')!.textContent!.includes(wanted) || !document.getElementById('error')!.hidden,
    word,
    PATIENCE,
  );
  expect(await shownError()).toBeNull();
}

async function shownError(): Promise<string | null> {
  return (await page.isVisible('#error')) ? page.textContent('#error') : null;
}

async function open(): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(
    () => document.getElementById('engine')!.textContent!.startsWith('engine'),
    null,
    PATIENCE,
  );
}

async function judge(): Promise<string> {
  await page.click('#try-form button');
  await status('judged');
  return (await page.textContent('#verdict'))!;
}

describe.skipIf(!existsSync(CHROMIUM))('the example page', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'arena-example-'));
    const config = { root: ROOT, logLevel: 'error', resolve: shared.resolve } as const;
    await build({ ...config, build: { outDir: join(folder, 'page') } });
    server = await preview({
      ...config,
      build: { outDir: join(folder, 'page') },
      preview: { port: 0, host: 'localhost' },
    });
    url = server.resolvedUrls!.local[0];
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    page = await (await browser.newContext()).newPage();
    page.on('pageerror', ({ message }) => troubles.push(message));
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('reads votes, trains, goes on after a reload, evaluates, judges, and gives the adapter away and back', async () => {
    await open();
    expect(await page.textContent('#engine')).toContain('2 threads');
    await page.click('#votes-synthetic');
    await status('votes are ready');
    expect(await page.textContent('#votes-facts')).toMatch(/battles1,2\d\d with \d+ prompts/);
    expect(await page.textContent('#battle')).toContain('preferred');
    await page.click('#base-tiny');
    await status('base is ready');

    await page.click('#train');
    await page.waitForFunction(
      () => /step [23]\d of/.test(document.getElementById('status')!.textContent!),
      null,
      PATIENCE,
    );
    await page.click('#pause');
    await status('paused');
    await open(); // the page goes away in the middle of the run
    await page.waitForSelector('#saved:not([hidden])');
    expect(await page.textContent('#saved-text')).toMatch(/synthetic votes with tiny base.*: step \d+ of \d+/);
    await page.click('#continue');
    await status('trained');
    expect(await page.locator('#chart-loss svg').count()).toBe(1);
    expect(await page.locator('#chart-accuracy svg').count()).toBe(1);

    await page.click('#evaluate');
    await status('evaluated');
    const accuracy = Number(/both orders +([\d.]+) %/.exec((await page.textContent('#table'))!)![1]);
    expect(accuracy).toBeGreaterThan(75); // people's votes are coins in one case of ten
    expect(await page.locator('#report').getAttribute('srcdoc')).toContain('<svg');

    await page.fill('#try-prompt', 'How do I care for a bicycle chain?');
    await page.fill('#try-a', 'Here is a careful way. Measure the wear first, because grit shortens its life.');
    await page.fill('#try-b', 'I guess it will be fine. Whatever, nobody really cares.');
    const verdict = await judge();
    expect(verdict).toMatch(/People would prefer [AB]: A [\d.]+ %, B [\d.]+ %/);

    const [saving] = await Promise.all([page.waitForEvent('download'), page.click('#adapter-save')]);
    const zip = join(folder, 'adapter.zip');
    await saving.saveAs(zip);
    expect((await readFile(zip)).subarray(0, 2).toString()).toBe('PK');
    await page.setInputFiles('#adapter-files', zip);
    await status('is open');
    expect(await judge()).toBe(verdict);

    await open(); // what was trained is still there
    await page.waitForSelector('#saved:not([hidden])');
    expect(await page.textContent('#saved-title')).toBe('A trained judge is kept here');
    await page.click('#continue');
    await status('trained');
    expect(troubles).toEqual([]);
  }, 900_000);

  it('a file that is no votes, too few votes, and a second tab that trains get a sentence each', async () => {
    await open();
    const wrong = join(folder, 'wrong.csv');
    await writeFile(wrong, 'name,age\nAda,36\n');
    await page.setInputFiles('#votes-files', wrong);
    await page.waitForSelector('#error:not([hidden])');
    expect(await shownError()).toMatch(/wrong\.csv/);
    const few = join(folder, 'few.jsonl');
    const row = { id: 1, prompt: 'hi', response_a: 'one', response_b: 'two', winner: 'model_a' };
    await writeFile(few, `${JSON.stringify(row)}\n`);
    await page.setInputFiles('#votes-files', few);
    await page.waitForFunction(
      () => document.getElementById('error')!.textContent!.includes('too few'),
      null,
      PATIENCE,
    );

    await page.click('#votes-synthetic');
    await status('votes are ready');
    await page.click('#base-tiny');
    await status('base is ready');
    const other = await page.context().newPage();
    await other.goto(url);
    await other.evaluate(() => {
      void navigator.locks.request('arena-training', () => new Promise(() => {}));
    });
    await page.click('#train');
    await page.waitForSelector('#error:not([hidden])');
    expect(await shownError()).toContain('another tab of this page is training');
    await other.close();
  }, 120_000);

  it('fits a phone and has a name for every control', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await open();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLInputElement>('button, input, textarea')]
        .filter((one) => !(one.textContent?.trim() || one.getAttribute('aria-label') || one.labels?.length))
        .map(({ id }) => id),
    );
    expect(nameless).toEqual([]);
  });
});
