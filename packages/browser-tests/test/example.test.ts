/** @file The whole journey through examples/browser, bundled and served as its users get it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cleanBattles, syntheticBattles } from '@arena/data';
import { tinyBaseFor } from '@arena/judge';
import { unzipSync } from 'fflate';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import {
  keepReplies,
  openExample,
  PATIENCE,
  type ServedPage,
  saidOnPage,
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

/** The command, built. */
const ARENA = fileURLToPath(new URL('bin.js', import.meta.resolve('@arena/cli')));

const PAIR = {
  prompt: 'How do I care for a bicycle chain?',
  a: 'Here is a careful way. Measure the wear first, because grit shortens its life.',
  b: 'I guess it will be fine. Whatever, nobody really cares.',
};

/** Puts the saved run into the form in which the page kept it before there was @arena/judge. */
async function keepAsEarlierPages(): Promise<void> {
  await page.evaluate(async () => {
    let run = await navigator.storage.getDirectory();
    for (const name of ['arena', 'run']) run = await run.getDirectoryHandle(name);
    const read = async (name: string) => JSON.parse(await (await (await run.getFileHandle(name)).getFile()).text());
    const write = async (name: string, content: object) => {
      const stream = await (await run.getFileHandle(name, { create: true })).createWritable();
      await stream.write(JSON.stringify(content));
      await stream.close();
    };
    const { totalSteps, settings, ...file } = await read('page.json');
    const { name } = await read('latest.json');
    await write('run.json', { ...file, settings: { ...settings, seed: 42 } });
    await write('latest.json', { step: Number(name.split('-')[1]), totalSteps, name, done: false });
    for (const one of ['page.json', 'log.jsonl']) await run.removeEntry(one);
  });
}

/** P(A) that the command gives, of the page's adapter and its base as folders. */
async function saidInCommand(zip: string): Promise<number> {
  const { battles } = cleanBattles(syntheticBattles({ count: 1200, seed: 42 }));
  const folders = {
    base: tinyBaseFor(battles, { hiddenSize: 64, layers: 4 }),
    adapter: unzipSync(await readFile(zip)),
  };
  for (const [folder, files] of Object.entries(folders)) {
    await mkdir(join(served.folder, folder));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(served.folder, folder, name), bytes);
  }
  const places = ['--base', join(served.folder, 'base'), '--adapter', join(served.folder, 'adapter')];
  const texts = ['--prompt', PAIR.prompt, '--a', PAIR.a, '--b', PAIR.b];
  const { stdout } = await promisify(execFile)(process.execPath, [
    ARENA,
    'predict',
    ...places,
    ...texts,
    '--both-orders',
  ]);
  return JSON.parse(stdout).probabilityA;
}

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
    await page.addInitScript(keepReplies);
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
    const saved = await page.textContent('#saved-text');
    expect(saved).toMatch(/synthetic votes with tiny base.*: step \d+ of \d+/);
    await keepAsEarlierPages();
    await open();
    await page.waitForSelector('#saved:not([hidden])');
    expect(await page.textContent('#saved-text')).toBe(saved);
    await page.click('#continue');
    await status('trained');
    expect(await page.locator('#chart-loss svg').count()).toBe(1);
    expect(await page.locator('#chart-accuracy svg').count()).toBe(1);

    await page.click('#evaluate');
    await status('evaluated');
    const accuracy = Number(/both orders +([\d.]+) %/.exec((await page.textContent('#table'))!)![1]);
    expect(accuracy).toBeGreaterThan(75); // people's votes are coins in one case of ten
    expect(await page.locator('#report').getAttribute('srcdoc')).toContain('<svg');

    await page.fill('#try-prompt', PAIR.prompt);
    await page.fill('#try-a', PAIR.a);
    await page.fill('#try-b', PAIR.b);
    const verdict = await judge();
    expect(verdict).toMatch(/People would prefer [AB]: A [\d.]+ %, B [\d.]+ %/);

    const [saving] = await Promise.all([page.waitForEvent('download'), page.click('#adapter-save')]);
    const zip = join(served.folder, 'adapter.zip');
    await saving.saveAs(zip);
    expect((await readFile(zip)).subarray(0, 2).toString()).toBe('PK');
    expect(Math.abs((await saidInCommand(zip)) - (await saidOnPage(page)))).toBeLessThan(1e-5);
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

    const named = join(served.folder, 'named.csv');
    const rows = Array.from({ length: 60 }, (_, i) => `question ${i},one ${i},two ${i},${i % 2}`);
    await writeFile(named, `q,first,second,label\n${rows.join('\n')}\n`);
    await page.click('summary:has-text("other names")');
    await page.fill('#votes-columns', 'prompt=q,response_a=first,response_b=second,winner=label');
    await page.setInputFiles('#votes-files', named);
    await page.waitForFunction(
      () => document.getElementById('error')!.textContent!.includes('winner is "0"'),
      null,
      PATIENCE,
    );
    await page.fill('#votes-values', 'a=1,b=0');
    await page.setInputFiles('#votes-files', []);
    await page.setInputFiles('#votes-files', named);
    await status('votes are ready');
    expect(await page.textContent('#votes-facts')).toMatch(/battles60 with 60 prompts/);

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
