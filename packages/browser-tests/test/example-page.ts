/** @file Pages of examples/, bundled and served as its users get it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright';
import { build, type Plugin, preview } from 'vite';
import { expect } from 'vitest';
import shared from '../../../vitest.package.js';

const EXAMPLES = new URL('../../../examples/', import.meta.url);
export const PATIENCE = { timeout: 300_000 };

export interface ServedPage {
  url: string;
  /** For files of the test. */
  folder: string;
  close(): Promise<void>;
}

/** Bundles a page of examples/ into a folder. */
export async function buildExample(
  outDir: string,
  { name = 'browser', plugins = [] }: { name?: string; plugins?: Plugin[] } = {},
) {
  const root = fileURLToPath(new URL(name, EXAMPLES));
  const config = { root, logLevel: 'error', resolve: shared.resolve } as const;
  await build({ ...config, plugins, build: { outDir, emptyOutDir: true } });
  return config;
}

/** @param name Its folder in examples/. */
export async function serveExample(name = 'browser'): Promise<ServedPage> {
  const folder = await mkdtemp(join(tmpdir(), 'arena-example-'));
  const outDir = join(folder, 'page');
  const config = await buildExample(outDir, { name });
  const server = await preview({ ...config, build: { outDir }, preview: { port: 0, host: 'localhost' } });
  return {
    url: server.resolvedUrls!.local[0],
    folder,
    async close() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Opens the page and waits until it has an engine and its first battle. */
export async function openExample(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForSelector('#battle .answer', PATIENCE);
  await idle(page);
}

/** Waits until a predicate holds in the page. Playwright's own needs eval there, which the page's policy refuses. */
export async function until<T = undefined>(
  page: Page,
  predicate: (argument: T) => unknown,
  argument?: T,
): Promise<void> {
  const end = Date.now() + PATIENCE.timeout;
  // a page that is just being loaded again has no answer
  while (!(await page.evaluate(predicate as (argument: unknown) => unknown, argument).catch(() => false))) {
    if (Date.now() > end) throw new Error(`not within ${PATIENCE.timeout} ms: ${predicate}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Waits until no task is under way. */
export async function idle(page: Page): Promise<void> {
  await until(page, () => !document.querySelector('#now progress'));
}

/** Fills in settings under the hood. */
export async function settings(page: Page, fields: Record<string, string>): Promise<void> {
  if (!(await page.isVisible('#rank'))) await page.click('#hood summary');
  for (const [id, value] of Object.entries(fields)) {
    await page.fill(`#${id}`, value);
    await page.press(`#${id}`, 'Tab');
  }
}

/** Presses the one button, and waits until the judge is trained and measured. */
export async function train(page: Page): Promise<void> {
  await page.click('#train');
  await status(page, 'Trained');
}

/** The files of the adapter in a zip of the page. */
export function adapterIn(zip: Record<string, Uint8Array>): Record<string, Uint8Array> {
  const own = Object.entries(zip).filter(([name]) => name.startsWith('adapter/'));
  return Object.fromEntries(own.map(([name, bytes]) => [name.replace('adapter/', ''), bytes]));
}

/** Waits for a word in the status line; the page's error, if any, is the test's. */
export async function status(page: Page, word: string): Promise<void> {
  await until(
    page,
    (wanted) =>
      document.getElementById('status')!.textContent!.includes(wanted) || document.getElementById('error') !== null,
    word,
  );
  expect(await shownError(page)).toBeNull();
}

export async function shownError(page: Page): Promise<string | null> {
  return (await page.isVisible('#error')) ? page.textContent('#error') : null;
}

/** Keeps what the page's Worker answers where a test can read it: an init script of the page. */
export function keepReplies(): void {
  const Original = window.Worker;
  window.Worker = class extends Original {
    constructor(...args: ConstructorParameters<typeof Original>) {
      super(...args);
      const replies: unknown[] = [];
      Object.assign(window, { replies });
      this.addEventListener('message', ({ data }) => replies.push(data));
    }
  };
}

/** P(A) that the page was told last. */
export async function saidOnPage(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { replies } = window as unknown as { replies: { result?: { mean?: number } }[] };
    return replies.findLast(({ result }) => result?.mean !== undefined)!.result!.mean!;
  });
}
