/** @file A page in Chromium that can run a judge in Arena and in transformers.js. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { build } from 'vite';

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

let built;
/** The page, bundled once. */
async function pageFolder() {
  built ??= (async () => {
    const outDir = await mkdtemp(join(tmpdir(), 'arena-deploy-page-'));
    process.on('exit', () => rm(outDir, { recursive: true, force: true }).catch(() => {}));
    const root = fileURLToPath(new URL('./page', import.meta.url));
    const external = ['@huggingface/transformers'];
    const rolldownOptions = { external };
    await build({
      root,
      configFile: false,
      logLevel: 'error',
      worker: { format: 'es' },
      build: { outDir, emptyOutDir: true, target: 'es2022', modulePreload: false, rolldownOptions },
    });
    return outDir;
  })();
  return built;
}

/** Files of folders by the paths that they are mounted at, with what a page needs for threads, and parts of files. */
async function serve(mounts) {
  const server = createServer(async (request, response) => {
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    const [mount, folder] = Object.entries(mounts).find(([start]) => path.startsWith(start));
    const file = join(folder, path.slice(mount.length) || 'index.html');
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) return response.writeHead(404).end();
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const start = range ? Number(range[1]) : 0;
    const end = range?.[2] ? Math.min(Number(range[2]), found.size - 1) : found.size - 1;
    response.writeHead(range ? 206 : 200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      etag: `"${found.size}"`,
      ...(range ? { 'content-range': `bytes ${start}-${end}/${found.size}` } : {}),
    });
    createReadStream(file, { start, end }).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** A fresh browser with the page. `mounts`: folders by path; `/modules/` has onnxruntime-web and transformers.js. */
export async function openTab(mounts) {
  const server = await serve({ ...mounts, '/': await pageFolder() });
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-background-networking'] });
  const page = await browser.newPage();
  page.on('pageerror', ({ message }) => console.error(message));
  await page.goto(server.url);
  await page.waitForFunction(() => globalThis.judges);
  return {
    transformers: (options, sequences) => page.evaluate(([a, b]) => judges.transformers(a, b), [options, sequences]),
    /** Milliseconds by kind of operation, all battles together, the longest first. */
    async profile(options, sequences) {
      const spent = new Map();
      page.on('console', (message) => {
        const [, duration] = /"cat" : "Node".*?"dur" :(\d+)/.exec(message.text()) ?? [];
        const [, op] = /"op_name" : "(\w+)"/.exec(message.text()) ?? [];
        if (duration && op) spent.set(op, (spent.get(op) ?? 0) + Number(duration) / 1000);
      });
      await page.evaluate(([a, b]) => judges.transformers(a, b), [{ ...options, profile: true }, sequences]);
      return [...spent].sort((a, b) => b[1] - a[1]);
    },
    arena: (options, battles) => page.evaluate(([a, b]) => judges.arena(a, b), [options, battles]),
    async close() {
      await browser.close();
      server.close();
    },
  };
}
