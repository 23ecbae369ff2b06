/** @file axe (WCAG 2.2 AA and best practice) at each stage of examples/browser, on a phone and on a desk, light and dark. */
import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';
import { idle, openExample, PATIENCE, type ServedPage, serveExample, settings, status, until } from './example-page.js';

let served: ServedPage;
let browser: Browser;

/** What axe has against the page, in lines. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import('axe-core') };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await axe.run(document, { runOnly: tags, iframes: false });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`),
    );
  });
}

describe.skipIf(!existsSync(CHROMIUM))('axe on the example page', () => {
  beforeAll(async () => {
    served = await serveExample();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  it.each([
    [390, 'dark'],
    [1280, 'light'],
  ] as const)(
    '%s px, %s: nothing at any stage, and nothing scrolls sideways',
    async (width, colorScheme) => {
      const page = await (await browser.newContext({ viewport: { width, height: 800 }, colorScheme })).newPage();
      const clean = async (stage: string) => {
        expect({ stage, faults: await faults(page) }).toEqual({ stage, faults: [] });
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      };
      await openExample(page, served.url);
      await clean('start');
      await page.press('body', 'a');
      await page.click('#base-tiny');
      await status(page, 'base is ready');
      await settings(page, { 'max-tokens': '128', rank: '4' });
      await clean('voted, base and settings');
      await page.click('#train');
      await until(page, () => /step \d\d of/.test(document.getElementById('status')!.textContent!));
      await clean('training');
      await status(page, 'Trained');
      await clean('result');
      await page.click('.chips button');
      await page.waitForSelector('#verdict .shares', PATIENCE);
      await idle(page);
      for (const summary of await page.locator('#away summary').all()) await summary.click();
      await clean('asked, code shown');
      await page.fill('#base-hub', 'nonsense');
      await page.click('#base-load');
      await page.waitForSelector('#error', PATIENCE);
      await clean('an error');
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('base-load'); // the focus stays where it was
      await page.context().close();
    },
    300_000,
  );
});
