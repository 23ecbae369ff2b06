/** @file Opens a page in Chromium and looks for what it should say. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, resolve } from 'node:path';

const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** Whether there is a browser to look with. */
export const hasBrowser = existsSync(CHROMIUM);

/**
 * @param steps.press Names of buttons to press, one after the other.
 * @param steps.see A pattern that the page's text has to match then; `then` and `and` the same again.
 * @returns the text that matched. @throws Error with the page's text, its errors among it.
 */
export async function lookAt(url, { press = [], see, then, and }, seconds = 240) {
  // playwright is a development dependency of the tests in browsers
  const { chromium } = createRequire(resolve(import.meta.dirname, '../../packages/browser-tests/package.json'))(
    'playwright',
  );
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-background-networking'],
  });
  try {
    const page = await browser.newPage();
    const faults = [];
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.goto(url);
    const found = [];
    for (const [buttons, pattern] of [
      [press, see],
      [then ?? [], and],
    ]) {
      for (const name of buttons) await page.getByRole('button', { name }).click();
      if (pattern === undefined) continue;
      const text = await waitFor(page, new RegExp(pattern), seconds, faults);
      found.push(text.match(new RegExp(`.*(?:${pattern}).*`))[0].trim());
    }
    return found.join('; ');
  } finally {
    await browser.close();
  }
}

async function waitFor(page, pattern, seconds, faults) {
  const end = Date.now() + 1000 * seconds;
  for (;;) {
    const text = await page.locator('body').textContent();
    if (pattern.test(text)) return text;
    if (Date.now() > end)
      throw new Error(`the page has not said ${pattern} in ${seconds} s, but: ${text}\n${faults.join('\n')}`);
    await new Promise((done) => setTimeout(done, 200));
  }
}

/** Serves a folder on this machine, with the headers for threads. */
export async function serveFolder(folder) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname.replace(/\/$/, '/index.html');
    const file = join(folder, path);
    if (!resolve(file).startsWith(resolve(folder)) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', ...ISOLATED });
    response.end(readFileSync(file));
  });
  await new Promise((done) => server.listen(0, 'localhost', done));
  return { url: `http://localhost:${server.address().port}/`, close: () => server.close() };
}
