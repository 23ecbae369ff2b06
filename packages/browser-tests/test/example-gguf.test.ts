/** @file A GGUF file as the base of examples/browser: dropped or fetched, kept in OPFS, trained on, asked, opened again. */
import { existsSync } from 'node:fs';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { bytesFolder } from '@arena/files';
import { openJudge } from '@arena/judge';
import { openBase, readJudge } from '@arena/judge/run';
import { openEngine } from '@arena/runtime';
import { unzipSync } from 'fflate';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { splitTinyGguf, tinyGguf } from '../../gguf/test/tiny-base.js';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import {
  adapterIn,
  idle,
  keepReplies,
  openExample,
  type ServedPage,
  saidOnPage,
  serveExample,
  settings,
  shownError,
  status,
  train as trainOn,
  until,
} from './example-page.js';

const REAL = process.env.ARENA_GEMMA3_270M ?? '';
const REAL_SHA256 = 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818';

const PAIR = { prompt: 'How tall is it?', responseA: 'About nine metres, I measured it.', responseB: 'No idea.' };

let served: ServedPage;
let browser: Browser;
let context: BrowserContext;
let page: Page;

const at = (name: string) => join(served.folder, name);

/** Puts a file where the test can choose it. */
async function made(name: string, bytes: Uint8Array): Promise<string> {
  await writeFile(at(name), bytes);
  return at(name);
}

/** Drops files on the field for bases, as a person does from a folder. */
async function drop(...paths: string[]): Promise<void> {
  const files = await Promise.all(
    paths.map(async (path) => ({ name: basename(path), text: (await readFile(path)).toString('base64') })),
  );
  const data = await page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const { name, text } of list) {
      transfer.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
    }
    return transfer;
  }, files);
  await page.dispatchEvent('.drop:has(#base-files)', 'drop', { dataTransfer: data });
}

/** The error that a choice of files gives. */
async function refusal(...paths: string[]): Promise<string> {
  await page.setInputFiles('#base-files', paths);
  await idle(page); // the error before this one went when the task began
  const text = (await shownError(page))!;
  expect(text).not.toContain('\n');
  return text;
}

/** Names and sizes of the files of kept bases. */
async function keptFiles(): Promise<Record<string, number>> {
  return page.evaluate(async () => {
    const found: Record<string, number> = {};
    let folder = (await navigator.storage.getDirectory()) as FileSystemDirectoryHandle & {
      values(): AsyncIterable<FileSystemHandle>;
    };
    for (const name of ['arena', 'bases']) folder = (await folder.getDirectoryHandle(name)) as typeof folder;
    for await (const base of folder.values()) {
      for await (const file of (base as typeof folder).values()) {
        found[file.name] = (await (file as FileSystemFileHandle).getFile()).size;
      }
    }
    return found;
  });
}

async function openWithVotes(): Promise<void> {
  await openExample(page, served.url);
  await page.setInputFiles('#votes-files', at('votes.jsonl'));
  await status(page, 'votes are ready');
}

async function train(fields: Record<string, string>): Promise<void> {
  await settings(page, fields);
  await trainOn(page);
}

/** Gives the page an address of a base. */
async function fetchBase(url: string): Promise<void> {
  if (!(await page.isVisible('#base-url'))) await page.click('summary:has-text("another address")');
  await page.fill('#base-url', url);
  await page.click('#base-url-load');
}

/** P(A) on the page. */
async function ask(): Promise<number> {
  await page.fill('#try-prompt', PAIR.prompt);
  await page.fill('#try-a', PAIR.responseA);
  await page.fill('#try-b', PAIR.responseB);
  await page.click('#try-judge');
  await status(page, 'Judged');
  return saidOnPage(page);
}

async function savedAdapter(): Promise<Record<string, Uint8Array>> {
  const [saving] = await Promise.all([page.waitForEvent('download'), page.click('#adapter-save')]);
  await saving.saveAs(at('adapter.zip'));
  await status(page, 'Saved');
  return adapterIn(unzipSync(await readFile(at('adapter.zip'))));
}

/** P(A) in Node with the page's adapter on the same file. */
async function askNode(file: string, adapter: Record<string, Uint8Array>): Promise<number> {
  const engine = await openEngine('wasm');
  const judge = await openJudge(await openBase(file), await readJudge(bytesFolder(adapter)));
  const { probabilityA, probabilityASwapped } = await judge.predict(PAIR);
  await judge.dispose();
  engine.dispose();
  return (probabilityA + (probabilityASwapped ?? probabilityA)) / 2; // a reward model sees no order
}

/** Votes of which 16 or so are to train on. */
function votes(): string {
  return Array.from({ length: 20 }, (_, id) =>
    JSON.stringify({
      id,
      prompt: `question ${id} of ${(7 * id) % 13}?`,
      response_a: `yes ${id}`,
      response_b: `no ${3 * id}`,
      winner: id % 3 ? 'model_a' : 'model_b',
    }),
  ).join('\n');
}

describe.skipIf(!existsSync(CHROMIUM))('the example page with a GGUF base', () => {
  beforeAll(async () => {
    served = await serveExample();
    await writeFile(at('votes.jsonl'), votes());
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  beforeEach(async () => {
    context = await browser.newContext();
    page = await context.newPage();
    await page.addInitScript(keepReplies);
    return () => context.close();
  });

  it('keeps a dropped file, trains on it as it is stored, and asks it again after a reload, as Node does', async () => {
    const file = await made('tiny.gguf', await tinyGguf());
    await openWithVotes();
    await drop(file);
    await status(page, 'base is ready');
    expect(await page.textContent('#base-facts')).toContain('2 layers of width 32, 600 tokens');
    expect((await keptFiles())['tiny.gguf']).toBe((await readFile(file)).length);

    await train({ 'batch-size': '4', rank: '4' });
    const said = await ask();
    const adapter = await savedAdapter();
    expect(JSON.parse(new TextDecoder().decode(adapter['arena.json']))).toMatchObject({
      base: 'tiny.gguf',
      quantization: 'stored',
      baseFile: { bytes: (await readFile(file)).length, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(Math.abs((await askNode(file, adapter)) - said)).toBeLessThan(1e-5);

    await openExample(page, served.url);
    await page.click('#continue');
    await status(page, 'Trained');
    expect(await ask()).toBe(said);

    await openWithVotes(); // the base by itself
    expect(await page.textContent('.bases')).toMatch(/tiny\.gguf.*1 MB/s);
    await page.click('.base-open');
    await status(page, 'base is ready');
    await page.setInputFiles('#adapter-files', at('adapter.zip'));
    await status(page, 'is open');
    expect(await ask()).toBe(said);
  }, 300_000);

  it('takes the parts of a split file, and fetches a file from an address', async () => {
    const parts = await Promise.all(
      Object.entries(await splitTinyGguf()).map(([end, bytes]) => made(`split${end}`, bytes)),
    );
    await openWithVotes();
    expect(await refusal(parts[1])).toMatch(/needs "split-00001-of-00002.gguf", part 1 of 2/);
    await drop(...parts.reverse());
    await status(page, 'base is ready');
    await train({ 'batch-size': '16', rank: '2' });
    await ask();

    const bytes = await tinyGguf({ seed: 2 });
    await made('page/fetched.gguf', bytes);
    await openWithVotes();
    await fetchBase(`${served.url}fetched.gguf`);
    await status(page, 'base is ready');
    await rm(at('page/fetched.gguf')); // from here on it is the kept one
    await train({ 'batch-size': '16', rank: '2' });
    await ask();
    expect(await keptFiles()).toMatchObject({ 'fetched.gguf': bytes.length });
  }, 300_000);

  it('keeps the newer of two files of one name and size', async () => {
    await openWithVotes();
    const said: number[] = [];
    for (const seed of [1, 2, 2]) {
      await drop(await made('same.gguf', await tinyGguf({ seed })));
      await status(page, 'base is ready');
      await train({ 'batch-size': '16', rank: '2' });
      said.push(await ask());
    }
    expect(said[1]).not.toBe(said[0]);
    expect(said[2]).toBe(said[1]);
  }, 300_000);

  it('refuses what is no base in a line, and keeps nothing of it', async () => {
    const good = await tinyGguf();
    const llama = await made('llama.gguf', await tinyGguf({ architecture: 'llama' }));
    const cut = await made('cut.gguf', good.subarray(0, -1000));
    const zip = await made('zip.gguf', new TextEncoder().encode('PK\u0003\u0004 and no GGUF file at all'));
    const [one, two] = [await made('one.gguf', good), await made('two.gguf', good)];
    await openWithVotes();
    expect(await refusal(llama)).toMatch(/llama\.gguf.*architecture.*llama/);
    expect(await refusal(cut)).toMatch(/cut\.gguf, tensor "/);
    expect(await refusal(zip)).toMatch(/zip\.gguf: is a zip archive/);
    expect(await refusal(one, two)).toMatch(/one\.gguf, two\.gguf: these are 2 models/);
    expect(await refusal(at('votes.jsonl'))).toBe('votes.jsonl: a GGUF file (.gguf) is expected');
    await made('page/cut.gguf', good.subarray(0, -1000));
    await fetchBase(`${served.url}cut.gguf`);
    await until(page, () => document.getElementById('error')?.textContent?.includes('tensor'));
    expect(await keptFiles()).toEqual({});
  }, 120_000);

  it('says when the browser has no room for the file', async () => {
    const file = await made('tiny.gguf', await tinyGguf());
    await openWithVotes();
    const session = await context.newCDPSession(page);
    const { origin } = new URL(served.url);
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 10_000 });
    expect(await refusal(file)).toMatch(/^tiny\.gguf: the browser has no room to keep (\d+ MB|it): free/);
  }, 120_000);

  it('uses the file where it lies in a browser that keeps none', async () => {
    await page.route('**/worker-*.js', async (route) => {
      const response = await route.fetch();
      const refuse = `StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));`;
      await route.fulfill({ response, body: `${refuse}\n${await response.text()}` });
    });
    const file = await made('tiny.gguf', await tinyGguf());
    await openWithVotes();
    await drop(file);
    await status(page, 'base is ready');
    expect(await page.textContent('#notes')).toContain('keeps no files of this page');
    await train({ 'batch-size': '16', rank: '2' });
    const said = await ask();
    expect(Math.abs((await askNode(file, await savedAdapter())) - said)).toBeLessThan(1e-5);
  }, 300_000);

  it.skipIf(!REAL)(
    REAL
      ? 'fetches Gemma 3 270M, trains two steps and asks'
      : 'Gemma 3 270M: not run, ARENA_GEMMA3_270M does not name the file',
    async () => {
      await symlink(REAL, at('page/real.gguf'));
      await openWithVotes();
      await fetchBase(`${served.url}real.gguf`);
      await status(page, 'base is ready');
      expect(await page.textContent('#base-facts')).toContain('18 layers of width 640, 262,144 tokens');
      expect(await page.textContent('#hood')).toContain('small-base'); // the recipe for such a base
      await train({ 'batch-size': '8', accumulation: '1', 'max-tokens': '80' });
      const said = await ask();
      const adapter = await savedAdapter();
      expect(JSON.parse(new TextDecoder().decode(adapter['arena.json']))).toMatchObject({
        quantization: 'stored',
        baseFile: { sha256: REAL_SHA256 },
      });
      expect(Math.abs((await askNode(REAL, adapter)) - said)).toBeLessThan(1e-5);
    },
    1_200_000,
  );
});
