/**
 * @file What the host pays for a launch on engine `webgpu` in Chromium, beside a bare list of dispatches: `node launch-cost.mjs [--rounds 20] [--worker]`.
 * The environment variable CHROMIUM names the browser; WebGPU runs on its software adapter, which has next to nothing to do.
 */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '20' }, worker: { type: 'boolean', default: false } },
});
const root = join(import.meta.dirname, '../../..');
const esbuild = createRequire(createRequire(join(root, 'packages/cuda/package.json')).resolve('tsup'))('esbuild');

const entry = `
import { openEngine } from '@arena/runtime';
import { launchCost } from './webgpu/launch-cost.mjs';
const inWorker = typeof document === 'undefined';
const measure = async (rounds) => {
  const { device } = await openEngine('webgpu');
  return { device, times: await launchCost(rounds) };
};
if (inWorker) onmessage = async ({ data }) => postMessage(await measure(data));
else globalThis.measure = measure;
`;
const { outputFiles } = await esbuild.build({
  stdin: { contents: entry, resolveDir: join(root, 'bench') },
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'browser',
  tsconfigRaw: {},
  logLevel: 'warning',
});
const server = createServer((request, response) => {
  const script = request.url === '/bench.js';
  // an isolated page has a clock of 5 microseconds, others of 100
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
  response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
  response.end(script ? outputFiles[0].text : '<!doctype html><script type="module" src="/bench.js"></script>');
});
await new Promise((resolve) => server.listen(0, 'localhost', resolve));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  headless: false,
  args: [
    '--headless=new',
    '--no-sandbox',
    '--enable-unsafe-webgpu',
    '--use-vulkan=swiftshader',
    '--use-webgpu-adapter=swiftshader',
    '--enable-features=Vulkan',
    '--disable-gpu-watchdog',
  ],
});
const page = await browser.newPage();
await page.goto(`http://localhost:${server.address().port}/`);
await page.waitForFunction(() => globalThis.measure);
const { device, times } = await page.evaluate(
  ([rounds, worker]) => {
    if (!worker) return globalThis.measure(rounds);
    const one = new Worker('/bench.js', { type: 'module' });
    return new Promise((resolve, reject) => {
      one.onmessage = ({ data }) => resolve(data);
      one.onerror = ({ message }) => reject(new Error(message));
      one.postMessage(rounds);
    });
  },
  [Number(flags.rounds), flags.worker],
);
console.log(`Chromium ${browser.version()}, ${device}, ${flags.worker ? 'in a Worker' : 'in the page'}\n`);
await browser.close();
server.close();

const middle = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const bare = middle(times['bare list, one pass']);
console.log('| host time of a launch | microseconds | of the bare list |\n| --- | --- | --- |');
for (const [name, list] of Object.entries(times)) {
  const range = `${Math.min(...list).toFixed(2)}-${Math.max(...list).toFixed(2)}`;
  console.log(`| ${name} | ${middle(list).toFixed(2)} (${range}) | ${(middle(list) / bare).toFixed(1)} |`);
}
