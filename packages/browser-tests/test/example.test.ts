/** @file The whole journey through examples/browser, bundled and served as its users get it. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { unzipSync, zipSync } from 'fflate';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import {
  idle,
  keepReplies,
  openExample,
  PATIENCE,
  type ServedPage,
  saidOnPage,
  serveExample,
  shownError as shownErrorOf,
  status as statusOf,
  until,
} from './example-page.js';

let served: ServedPage;
let browser: Browser;
let page: Page;
const troubles: string[] = [];

const status = (word: string) => statusOf(page, word);
const shownError = () => shownErrorOf(page);
const open = () => openExample(page, served.url);
const at = (name: string) => join(served.folder, name);

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

/** P(A) that the command gives, of the zip alone. */
async function saidInCommand(zip: Uint8Array): Promise<number> {
  for (const [name, bytes] of Object.entries(unzipSync(zip))) {
    await mkdir(dirname(at(`zip/${name}`)), { recursive: true });
    await writeFile(at(`zip/${name}`), bytes);
  }
  const places = ['--base', at('zip/base'), '--adapter', at('zip/adapter')];
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

/** Types the pair, and reads what the judge says of it by itself. */
async function judged(): Promise<string> {
  for (const [id, text] of [
    ['try-prompt', PAIR.prompt],
    ['try-a', PAIR.a],
    ['try-b', PAIR.b],
  ]) {
    await page.fill(`#${id}`, text);
  }
  await page.waitForSelector('#verdict .shares', PATIENCE);
  await idle(page);
  return (await page.textContent('#verdict'))!;
}

async function download(button: string, name: string): Promise<Buffer> {
  const [saving] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
  await saving.saveAs(at(name));
  return readFile(at(name));
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

  it('a vote, a judge in one click that goes on after a reload, a race, a question, and all of it in a zip', async () => {
    await open();
    expect(await page.textContent('#engine')).toContain('2 threads');
    // this Chromium was started without a GPU
    expect(await page.locator('#engine-choice [value=webgpu]').isDisabled()).toBe(true);
    expect(await page.textContent('#votes-facts')).toMatch(/2,\d\d\d with [\d,]+ prompts/);
    await page.press('body', 'a');
    expect(await page.textContent('#voted')).toMatch(/^You chose A/);
    await page.press('body', 'b'); // a vote is cast once
    expect(await page.textContent('#voted')).toMatch(/^You chose A/);

    await page.click('#train');
    await until(page, () => /step [23]\d of/.test(document.getElementById('status')!.textContent!));
    expect(await page.textContent('#pinned')).toMatch(/Step 0: \d+ % for A|Step \d+: \d+ % for A, \d+ % before/);
    await page.click('#pause');
    await status('Paused');
    await open(); // the page goes away in the middle of the run
    const saved = await page.textContent('#saved-text');
    expect(saved).toMatch(/made-up votes with tiny base.*: step \d+ of \d+/);
    await keepAsEarlierPages();
    await open();
    expect(await page.textContent('#saved-text')).toBe(saved);
    await page.click('#continue');
    await status('Trained');
    expect(await page.locator('#chart-loss svg').count()).toBe(1);
    expect(await page.locator('#chart-accuracy svg').count()).toBe(1);

    expect(await page.textContent('#race-line')).toMatch(/^The judge \d+ of 10\. And you\?$/);
    await page.click('#vote-a');
    expect(await page.textContent('#race-line')).toMatch(/^You [01] of 1, the judge \d+ of 10\.$/);
    const figures = (await page.textContent('#figures'))!;
    const accuracy = Number(/mean of both orders\s*([\d.]+) %/.exec(figures)![1]);
    expect(accuracy).toBeGreaterThan(80); // people's votes are coins in one case of ten
    expect(figures).toContain('more than 90 % cannot be expected');
    expect(await page.evaluate(() => document.querySelector('iframe')!.srcdoc)).toContain('<base href="about:srcdoc">');

    const verdict = await judged();
    expect(verdict).toMatch(/(People would|Too close)/);
    const zip = await download('#adapter-save', 'judge.zip');
    expect(Math.abs((await saidInCommand(zip)) - (await saidOnPage(page)))).toBeLessThan(1e-5);

    await open(); // what was trained is still there
    expect(await page.textContent('#saved-title')).toBe('A trained judge is kept here');
    await page.setInputFiles('#adapter-files', at('judge.zip')); // its base comes with it
    await status('is open');
    expect(await judged()).toBe(verdict);
    await page.setInputFiles('#adapter-files', []);
    await page.setInputFiles('#adapter-files', at('judge.zip')); // the same file again
    await status('is open');

    const files = unzipSync(zip);
    files['base/model.safetensors'][files['base/model.safetensors'].length - 1] ^= 1;
    await writeFile(at('changed.zip'), zipSync(files, { level: 0 }));
    await page.setInputFiles('#adapter-files', at('changed.zip'));
    await page.waitForSelector('#error', PATIENCE);
    expect(await shownError()).toContain('the base in this zip is not the one');
    await writeFile(at('no.zip'), 'PK and no zip');
    await page.setInputFiles('#adapter-files', at('no.zip'));
    await until(page, () => document.getElementById('error')?.textContent?.includes('no.zip: cannot be read'));
    expect(troubles).toEqual([]);

    // the adapter alone, on the tiny base of other votes
    const other = await page.context().newPage();
    await openExample(other, `${served.url}#votes=made-up&seed=7`);
    await other.click('#base-tiny');
    await statusOf(other, 'base is ready');
    const names = Object.keys(files).filter((name) => name.startsWith('adapter/'));
    await other.setInputFiles(
      '#adapter-files',
      names.map((name) => at(`zip/${name}`)),
    );
    await other.waitForSelector('#error', PATIENCE);
    expect(await other.textContent('#error')).toMatch(/tiny base of other votes: open the zip that it was saved in/);
    await other.close();
  }, 900_000);

  it('other votes take away what was trained on the old ones; a link repeats a run', async () => {
    await open();
    await page.click('#continue');
    await status('Trained');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.click('#share-link');
    await status('The link is copied');
    const link = await page.evaluate(() => navigator.clipboard.readText());
    expect(new URLSearchParams(new URL(link).hash.slice(1)).get('judge')).toMatch(/^\d+$/);
    expect(link).not.toMatch(/bicycle|prompt/);
    expect((await download('#share-picture', 'score.png')).subarray(1, 4).toString()).toBe('PNG');

    await page.click('#votes-synthetic');
    await status('votes are ready');
    for (const gone of ['#training', '#result', '#try', '#base-facts dl']) {
      expect(await page.locator(gone).count()).toBe(0);
    }
    expect(await page.locator('#adapter-save').getAttribute('aria-disabled')).toBe('true');

    const other = await page.context().newPage();
    await openExample(other, link);
    expect(await other.textContent('#battle')).toMatch(/Somebody trained a judge that got \d+\./);
    await other.close();
  }, 300_000);

  it('a task that takes long is stopped, whatever it is', async () => {
    await open();
    const long = at('long.jsonl');
    const row = (id: number) =>
      JSON.stringify({
        id,
        prompt: `q ${id}`,
        response_a: 'one',
        response_b: 'two',
        winner: id % 2 ? 'model_a' : 'model_b',
      });
    await writeFile(long, Array.from({ length: 60_000 }, (_, id) => row(id)).join('\n'));
    await page.setInputFiles('#votes-files', long);
    await page.click('#stop-task');
    await status('Stopped');
    expect(await page.textContent('#votes-facts')).toContain('made-up votes');
  }, 120_000);

  it('a file that is no votes, too few votes, and a second tab that trains get a sentence each', async () => {
    await open();
    const wrong = at('wrong.csv');
    await writeFile(wrong, 'name,age\nAda,36\n');
    await page.setInputFiles('#votes-files', wrong);
    await page.waitForSelector('#error');
    expect(await shownError()).toMatch(/wrong\.csv/);
    const few = at('few.jsonl');
    const row = { id: 1, prompt: 'hi', response_a: 'one', response_b: 'two', winner: 'model_a' };
    const other = { ...row, id: 2, prompt: 'ho', winner: 'model_b' };
    await writeFile(few, `${JSON.stringify(row)}\n${JSON.stringify(other)}\n`);
    await page.setInputFiles('#votes-files', few);
    await until(page, () => document.getElementById('error')?.textContent?.includes('too few'));

    const tab = await page.context().newPage();
    await tab.goto(served.url);
    await tab.evaluate(() => {
      void navigator.locks.request('arena-training', () => new Promise(() => {}));
    });
    await page.click('#train');
    await page.waitForSelector('#error', PATIENCE);
    expect(await shownError()).toContain('another tab of this page is training');
    await tab.close();
  }, 120_000);

  it('without a Worker, and in a browser that keeps nothing, it says so and stays usable', async () => {
    const context = await browser.newContext({ serviceWorkers: 'block' }); // so that the script comes by the route below
    const bare = await context.newPage();
    await bare.route('**/worker-*.js', (route) => route.abort());
    await bare.goto(served.url);
    await bare.waitForSelector('#error', PATIENCE);
    expect(await bare.textContent('#error')).toContain('load the page again');
    await bare.unroute('**/worker-*.js');
    await bare.route('**/worker-*.js', async (route) => {
      const response = await route.fetch();
      const refuse = `StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));`;
      await route.fulfill({ response, body: `${refuse}\n${await response.text()}` });
    });
    await openExample(bare, served.url);
    await bare.click('#train');
    await statusOf(bare, 'Trained');
    expect(await bare.textContent('#notes')).toContain('keeps no files of this page');
    await context.close();
  }, 300_000);

  it('fits a phone and has a name for every control', async () => {
    await page.setViewportSize({ width: 320, height: 740 });
    await open();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll<HTMLInputElement>('button, input, select, textarea')]
        .filter((one) => !(one.textContent?.trim() || one.getAttribute('aria-label') || one.labels?.length))
        .map(({ id }) => id),
    );
    expect(nameless).toEqual([]);
  });
});
