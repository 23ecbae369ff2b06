import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { build, preview } from 'vite';
import { expect, it } from 'vitest';
import shared from '../../../vitest.package.js';
import { CHROMIUM, CHROMIUM_FLAGS, ISOLATION } from '../chromium.js';

it.skipIf(!existsSync(CHROMIUM))('a bundled and minified page computes on threads', async () => {
  const outDir = await mkdtemp(join(tmpdir(), 'arena-page-'));
  const config = {
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('./page', import.meta.url)),
    resolve: shared.resolve,
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, minify: true },
    preview: { headers: ISOLATION, port: 0, host: 'localhost' },
  } as const;
  await build(config);
  const server = await preview(config);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    await page.goto(server.resolvedUrls!.local[0]);
    const { opened, passed, wasm, cpu } = await page.evaluate(() => globalThis.result);
    expect(opened).toEqual({ isolated: true, threads: 2, shared: true });
    expect(passed).toBe(true);
    expect(Math.abs(wasm - cpu)).toBeLessThan(1e-5);
  } finally {
    await browser.close();
    await server.close();
    await rm(outDir, { recursive: true });
  }
});
