/** @file The whole journey through examples/browser, bundled and served as its users get it. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import {
  openExample,
  PATIENCE,
  type ServedPage,
  serveExample,
  shownError as shownErrorOf,
  status as statusOf,
} from './example-page.js';

let served: ServedPage;
let browser: Browser;
let page: Page;
const troubles: string[] = [];

const status = (word: string) => statusOf(page, word);
const shownError = () => shownErrorOf(page);
const open = () => openExample(page, served.url);

async function judge(): Promise<string> {
  await page.click('#try-form button');
  await status('judged');
  return (await page.textContent('#verdict'))!;
}

describe.skipIf(!existsSync(CHROMIUM))('the example page', () => {
  beforeAll(async () => {
    served = await serveExample();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
    page = await (await browser.newContext()).newPage();
    page.on('pageerror', ({ message }) => troubles.push(message));
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  it('reads votes, trains, goes on after a reload, evaluates, judges, and gives the adapter away and back', async () => {
    await open();
    expect(await page.textContent('#engine')).toContain('2 threads');
    // this Chromium was started without a GPU
    expect(await page.locator('#engine-choice [value=webgpu]').isDisabled()).toBe(true);
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
    const zip = join(served.folder, 'adapter.zip');
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
    const wrong = join(served.folder, 'wrong.csv');
    await writeFile(wrong, 'name,age\nAda,36\n');
    await page.setInputFiles('#votes-files', wrong);
    await page.waitForSelector('#error:not([hidden])');
    expect(await shownError()).toMatch(/wrong\.csv/);
    const few = join(served.folder, 'few.jsonl');
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
    await other.goto(served.url);
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
      [...document.querySelectorAll<HTMLInputElement>('button, input, select, textarea')]
        .filter((one) => !(one.textContent?.trim() || one.getAttribute('aria-label') || one.labels?.length))
        .map(({ id }) => id),
    );
    expect(nameless).toEqual([]);
  });
});
