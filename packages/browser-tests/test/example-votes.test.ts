/** @file Own votes on examples/browser: columns that nobody knows, a data set of the hub, what is left out, one endless line. */
import { existsSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import { idle, openExample, PATIENCE, type ServedPage, serveExample, shownError, status } from './example-page.js';

let served: ServedPage;
let browser: Browser;
let context: BrowserContext;
let page: Page;

const at = (name: string) => join(served.folder, name);
const COMMIT = 'c'.repeat(40);

/** Sixty votes under the names of nobody's set, coded as numbers. */
const NAMED = `q,first,second,label\n${Array.from({ length: 60 }, (_, i) => `question ${i},one ${i},two ${i},${i % 2}`).join('\n')}\n`;

async function choose(name: string, content: string): Promise<void> {
  await writeFile(at(name), content);
  await page.setInputFiles('#votes-files', at(name));
}

describe.skipIf(!existsSync(CHROMIUM))('own votes on the example page', () => {
  beforeAll(async () => {
    served = await serveExample();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });
  beforeEach(async () => {
    context = await browser.newContext();
    page = await context.newPage();
    await openExample(page, served.url);
    return () => context.close();
  });

  it('asks which column is which, shows rows to see it by, and what a vote is called', async () => {
    await choose('named.csv', NAMED);
    await status(page, 'Say which column is which');
    expect(await page.textContent('#ask tbody')).toContain('question 0');
    expect(await page.inputValue('#ask-prompt')).toBe('q'); // what the names suggest
    expect(await page.inputValue('#ask-winner')).toBe('label');
    await page.selectOption('#ask-b', 'first');
    await page.selectOption('#ask-a', 'first');
    expect(await page.getAttribute('#ask-read', 'aria-disabled')).toBe('true');
    await page.selectOption('#ask-b', 'second');
    await page.click('#ask-read');
    await status(page, 'Say which column is which');
    expect(await page.textContent('#ask .note')).toContain('winner is "0"');
    await page.selectOption('#ask-aWon', '1');
    await page.selectOption('#ask-bWon', '0');
    await page.click('#ask-read');
    await status(page, 'votes are ready');
    expect(await page.locator('#ask').count()).toBe(0);
    const facts = await page.textContent('#votes-facts');
    expect(facts).toMatch(/60 with 60 prompts/);
    expect(facts).toContain('50.0 %');

    await page.click('#votes-columns'); // other columns after all: the first answer always won
    await status(page, 'Say which column is which');
    await page.selectOption('#ask-winner', { label: 'no column: people always preferred A' });
    await page.click('#ask-read');
    await status(page, 'votes are ready');
  }, 120_000);

  it('says what was left out and why, with rows', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `question ${i},one ${i},two ${i},${i % 2 ? 'a' : 'b'}`);
    const odd = ['tied,one,two,tie', 'nobody,one,two,', 'again,same,same,a', 'odd,one,two,perhaps'];
    await choose('odd.csv', `prompt,response_a,response_b,winner\n${[...rows, ...odd].join('\n')}\n`);
    await status(page, 'votes are ready');
    for (const summary of await page.locator('#left-out summary').all()) await summary.click();
    const text = await page.textContent('#left-out');
    expect(text).toMatch(/1: ties.*row 60: tied/s);
    expect(text).toMatch(/1: without a vote.*row 61: nobody/s);
    expect(text).toMatch(/1: both answers the same.*row 62: again/s);
    expect(text).toMatch(/1: whose vote is no word that is known.*row 63: winner is "perhaps"/s);
  }, 60_000);

  it('reads a data set of the hub by its name or address, with a token', async () => {
    const file = Buffer.from(NAMED.replace('q,first,second,label', 'prompt,response_a,response_b,winner'));
    const text = Buffer.from(file.toString().replace(/,1\n/g, ',a\n').replace(/,0\n/g, ',b\n'));
    const asked: (string | undefined)[] = [];
    await context.route('https://huggingface.co/**', async (route) => {
      const url = new URL(route.request().url());
      const headers = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*', etag: '"1"' };
      asked.push((await route.request().allHeaders()).authorization);
      if (url.pathname.startsWith('/api/datasets/you/votes/')) {
        const siblings = [{ rfilename: 'data/train.csv', size: text.length, blobId: 'b'.repeat(40) }];
        return route.fulfill({ headers, json: { sha: COMMIT, siblings } });
      }
      if (url.pathname === `/datasets/you/votes/resolve/${COMMIT}/data/train.csv`) {
        return route.fulfill({ headers, body: text });
      }
      return route.fulfill({ status: 401, headers, body: '' });
    });
    await page.click('#votes-from-hub summary');
    await page.fill('#votes-hub', 'https://huggingface.co/datasets/you/votes/viewer/default');
    await page.fill('#votes-token', 'hf_abcdefgh');
    await page.click('#votes-hub-load');
    await status(page, 'votes are ready');
    expect(await page.textContent('#votes-facts')).toMatch(/you\/votes:train@c+.*60 with 60 prompts/s);
    expect(asked.filter((one) => one === 'Bearer hf_abcdefgh').length).toBeGreaterThan(0);

    await page.fill('#votes-hub', 'you/other');
    await page.click('#votes-hub-load');
    await page.waitForSelector('#error', PATIENCE);
    expect(await shownError(page)).toContain('you/other');
    expect(await page.textContent('#votes-facts')).toContain('you/votes'); // what was open stays
  }, 60_000);

  it.each(['{"prompt": "', 'prompt,response_a,'])(
    '200 MB in one line that begins with %s get a sentence',
    async (start) => {
      const name = at('line.jsonl');
      const line = await open(name, 'w');
      await line.write(start);
      for (let i = 0; i < 200; i++) await line.write('a, b and so on '.repeat(70_000));
      await line.close();
      expect((await readFile(name)).length).toBeGreaterThan(200e6);
      await page.setInputFiles('#votes-files', name);
      await idle(page);
      expect(await shownError(page)).toMatch(
        /^line\.jsonl.*: a (line|cell|row) of more than \d+ (bytes|characters|cells)/,
      );
      await page.press('body', 'a'); // the page is free
      expect(await page.textContent('#voted')).toMatch(/^You chose A/);
    },
    120_000,
  );
});
