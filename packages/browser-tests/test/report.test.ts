/** @file A report over hostile votes, opened in Chromium: nothing runs, nothing is fetched, and it can be read at every width. */
import { existsSync } from 'node:fs';
import { type Battle, evaluate, renderReport } from '@arena/eval';
import { chromium } from 'playwright';
import { expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';

const ADDRESS = 'http://127.0.0.1:9/stolen';
/** What a browser would run or fetch, were it markup. */
const HOSTILE = [
  `<script>window.ran = 1; fetch('${ADDRESS}')</script>`,
  `"><img src=${ADDRESS} onerror="window.ran = 2">`,
  `</pre></details><svg onload="window.ran = 3"><a href="javascript:window.ran=4">x</a></svg>`,
  `<iframe srcdoc="<script>parent.ran = 5</script>"></iframe><style>@import url(${ADDRESS});</style>`,
  `<meta http-equiv="refresh" content="0;url=${ADDRESS}"><base href="${ADDRESS}">`,
  `';window.ran=6//\`\${window.ran=7}\``,
].join('\n');
const RIGHT_TO_LEFT = 'שאלה قصيرة \u202e<b>';

function hostileBattles(count: number): Battle[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${i}${HOSTILE}`,
    prompt: [`${i % 40} ${HOSTILE}`, RIGHT_TO_LEFT],
    responseA: [HOSTILE, RIGHT_TO_LEFT],
    responseB: [i === 3 ? HOSTILE + 'long '.repeat(250_000) : `${i} ${HOSTILE}`, 'b'],
    winner: i % 3 ? 'a' : 'b',
    modelA: `${HOSTILE}${i % 3}`,
    modelB: `${HOSTILE}${(i % 3) + 3}`,
    language: `${HOSTILE}${i % 2}`,
    category: HOSTILE,
  }));
}

it.skipIf(!existsSync(CHROMIUM))('a report over hostile votes is text and nothing else', async () => {
  const battles = hostileBattles(120);
  const predictions = battles.map(({ id }, i) => ({ id, probabilityA: ((i * 37) % 100) / 100 }));
  const report = evaluate(predictions, battles, { bootstrapRounds: 50, title: HOSTILE });
  const html = renderReport(report, 'html', { battles });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    const happened: string[] = [];
    page.on('dialog', (dialog) => void happened.push(`dialog ${dialog.message()}`));
    page.on('request', (request) => void happened.push(request.url()));
    page.on('pageerror', (error) => void happened.push(error.message));
    page.on('framenavigated', (frame) => void happened.push(`went to ${frame.url()}`));
    await page.setContent(html);
    for (const details of await page.locator('details').all())
      await details.evaluate((one) => one.setAttribute('open', ''));
    await page.waitForTimeout(300);
    expect(happened.filter((one) => one !== 'went to about:blank')).toEqual([]);
    expect(await page.evaluate(() => (window as { ran?: number }).ran)).toBeUndefined();
    const strange = 'script, img, iframe, object, embed, base, link, form, input, svg a, meta[http-equiv=refresh]';
    expect(await page.locator(strange).count()).toBe(0);
    expect(await page.textContent('main')).toContain("window.ran = 1; fetch('");

    // No width scrolls the page sideways; wide tables scroll in their own box, which the keyboard reaches.
    for (const width of [360, 800, 1400]) {
      await page.setViewportSize({ width, height: 800 });
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(wider, `at ${width} pixels`).toBeLessThanOrEqual(0);
    }
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('A');
    for (const table of await page.locator('.table').all()) expect(await table.getAttribute('tabindex')).toBe('0');
  } finally {
    await browser.close();
  }
});
