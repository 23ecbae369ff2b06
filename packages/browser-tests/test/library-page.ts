/** @file A page that can import transformers.js and onnxruntime-web, and fetch the files of a folder. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ISOLATION } from '../chromium.js';
import { MODULES } from './library.js';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

const PAGE = fileURLToPath(new URL('./library-page', import.meta.url));

declare global {
  /** library-page/main.js */
  var library: {
    logits(url: string, rows: number[][]): Promise<number[][]>;
    scores(model: string, dtype: string, texts: string[]): Promise<{ label: string; score: number }[][]>;
  };
}

/** Serves the page, `folder` as /models/ and the library as /modules/. */
export async function serveLibrary(folder: string): Promise<{ url: string; close(): void }> {
  const mounts = { '/models/': folder, '/modules/': MODULES, '/': PAGE };
  const server = createServer(async ({ url = '' }, response) => {
    const path = normalize(decodeURIComponent(new URL(url, 'http://localhost').pathname));
    for (const [name, value] of Object.entries(ISOLATION)) response.setHeader(name, value);
    const [start, from] = Object.entries(mounts).find(([mount]) => path.startsWith(mount))!;
    const file = join(from, path.slice(start.length) || 'index.html');
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) return response.writeHead(404).end();
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-length': found.size });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close: () => server.close() };
}
