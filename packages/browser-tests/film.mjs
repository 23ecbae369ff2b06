/**
 * @file Films examples/browser: a vote, one click, the bar that moves, the race; an animated WebP of 800 pixels' width.
 *   ARENA_SHARP=FOLDER node packages/browser-tests/film.mjs docs/assets/arena-page.webp
 * `npx -y pnpm@10.34.8 build` first. FOLDER has the package sharp in its node_modules (`npm install sharp` there).
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright';
import { build, preview } from 'vite';

const [target = 'arena-page.webp'] = process.argv.slice(2);
const SIZE = { width: 800, height: 620 };
/** Milliseconds that a frame is shown. */
const DELAY = 170;
/** Frames of the training: however long it takes, it is shown as long as this. */
const TRAINING = 55;

const { default: sharp } = await import(
  pathToFileURL(createRequire(join(resolve(process.env.ARENA_SHARP ?? '.'), 'x.js')).resolve('sharp')).href
);
const folder = await mkdtemp(join(tmpdir(), 'arena-film-'));
const config = { root: fileURLToPath(new URL('../../examples/browser', import.meta.url)), logLevel: 'error' };
await build({ ...config, build: { outDir: folder, emptyOutDir: true } });
const server = await preview({ ...config, build: { outDir: folder }, preview: { port: 0, host: 'localhost' } });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--hide-scrollbars'],
});
const page = await browser.newPage({ viewport: SIZE, colorScheme: 'light' });

/** Pictures of the page, one after the other, until a promise is kept. */
async function shots(end) {
  const frames = [];
  let on = true;
  const ended = end.finally(() => {
    on = false;
  });
  do {
    frames.push(await page.screenshot({ type: 'png' }));
    await page.waitForTimeout(DELAY);
  } while (on);
  await ended;
  return frames;
}

const seconds = (count) => page.waitForTimeout(1000 * count);
const scrollTo = (selector) =>
  page.evaluate((one) => document.querySelector(one).scrollIntoView({ behavior: 'smooth', block: 'start' }), selector);
const some = (frames, count) =>
  frames.length <= count
    ? frames
    : Array.from({ length: count }, (_, i) => frames[Math.round((i * (frames.length - 1)) / (count - 1))]);

try {
  await page.goto(server.resolvedUrls.local[0]);
  await page.waitForSelector('#battle .answer');
  await page.waitForSelector('#now progress', { state: 'detached' });
  const vote = async () => {
    await seconds(1.2);
    await page.press('body', 'a');
    await scrollTo('#voted');
    await seconds(1.5);
    await page.click('#train');
    await page.waitForSelector('#training', { timeout: 300_000 });
    await scrollTo('#training');
  };
  const before = some(await shots(vote()), 18);
  const trained = page.waitForSelector('#race', { timeout: 600_000 });
  const training = some(await shots(trained), TRAINING);
  const race = async () => {
    await scrollTo('#result');
    await seconds(3);
  };
  const after = await shots(race());
  const last = Array.from({ length: 10 }, () => after.at(-1));
  const frames = [...before, ...training, ...after, ...last];
  await sharp(frames, { join: { animated: true } })
    .webp({ quality: 45, effort: 4, loop: 0, delay: frames.map(() => DELAY) })
    .toFile(target);
  const { size } = await stat(target);
  console.log(
    `${target}: ${frames.length} frames, ${((frames.length * DELAY) / 1000).toFixed(0)} s, ${(size / 1e6).toFixed(2)} MB`,
  );
} finally {
  await browser.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
