/** @file @arena/data in a Vite page, as its users get it: a Parquet file, a CSV file and packed ones by URL, read, packed. */
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { packer, readBattles } from '@arena/data';
import { loadTokenizer } from '@arena/tokenizer';
import { chromium } from 'playwright';
import { build, preview } from 'vite';
import { expect, it } from 'vitest';
import { CHROMIUM, CHROMIUM_FLAGS } from '../chromium.js';

const PACKAGES = new URL('../../', import.meta.url);
const FILES = {
  'votes.parquet': 'data/test/fixtures/arena100k.parquet',
  'votes.csv': 'data/test/fixtures/lmsys_train.csv',
  'votes-zstd.bin': 'data/test/fixtures/two-frames.jsonl.zst',
  'tokenizer.json': 'tokenizer/test/fixtures/tiny-tokenizer.json',
};

it.skipIf(!existsSync(CHROMIUM))('a Vite page reads votes by URL and packs them as Node does', async () => {
  const outDir = await mkdtemp(join(tmpdir(), 'arena-data-page-'));
  // No aliases to sources here: the page gets the packages' builds, by their package.json.
  const config = {
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('./data-page', import.meta.url)),
    build: { outDir, emptyOutDir: true, minify: true },
    preview: { port: 0, host: 'localhost' },
  } as const;
  await build(config);
  for (const [name, path] of Object.entries(FILES)) await cp(new URL(path, PACKAGES), join(outDir, name));
  const csvBytes = await readFile(new URL(FILES['votes.csv'], PACKAGES));
  const members = [csvBytes.subarray(0, 500), csvBytes.subarray(500)].map((part) => gzipSync(part));
  await writeFile(join(outDir, 'votes-gzip.bin'), Buffer.concat(members));
  const server = await preview(config);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    const ranges: string[] = [];
    page.on('request', (request) => {
      if (request.url().endsWith('.parquet')) ranges.push(request.headers().range ?? 'whole');
    });
    await page.goto(server.resolvedUrls!.local[0]);
    const { parquet, csv, gzip, zstd, tokens } = await page.evaluate(() => globalThis.votes);
    const pack = packer(loadTokenizer(await readFile(new URL(FILES['tokenizer.json'], PACKAGES))), { maxTokens: 400 });
    const read = async (path: string) => {
      const battles = [];
      for await (const battle of readBattles(new URL(path, PACKAGES))) battles.push(battle);
      return battles;
    };
    const expected = await read(FILES['votes.parquet']);
    expect(expected.length).toBeGreaterThan(10);
    expect(parquet).toEqual(expected.map(({ id }) => id));
    expect(tokens).toEqual(expected.map((battle) => pack(battle).ids.length));
    expect(csv).toEqual((await read(FILES['votes.csv'])).map(({ id }) => id));
    expect(gzip).toEqual(csv);
    expect(zstd).toEqual(['z0', 'z1', 'z2']);
    expect(ranges).not.toContain('whole');
  } finally {
    await browser.close();
    await server.close();
    await rm(outDir, { recursive: true });
  }
});
