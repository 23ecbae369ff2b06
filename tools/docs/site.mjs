/**
 * @file Builds and serves the site in docs/: `pnpm site`, `pnpm site dev`, `pnpm site preview`. A build makes the API
 * pages and the example page first. What it needs stands in docs/package.json, and is installed when it is missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeApi } from './api.mjs';

const ROOT = join(import.meta.dirname, '../..');
const DOCS = join(ROOT, 'docs');
const [task = 'build', ...rest] = process.argv.slice(2);

function run(command, args, cwd, env = {}) {
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit', env: { ...process.env, ...env } });
  if (status) process.exit(status);
}

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const begin = performance.now();
if (!existsSync(join(DOCS, 'node_modules/.modules.yaml'))) {
  const { npm_execpath: pnpm } = process.env;
  run(process.execPath, [pnpm, 'install', '--frozen-lockfile', '--prefer-offline'], DOCS);
}
if (task === 'build' || !existsSync(join(DOCS, 'reference/api'))) {
  const since = performance.now();
  console.log(`${await writeApi()} pages of the API, ${seconds(since)}`);
}
if (task === 'build' || !existsSync(join(DOCS, 'public/play'))) {
  const page = join(ROOT, 'examples/browser');
  const out = join(DOCS, 'public/play');
  run(
    process.execPath,
    [join(page, 'node_modules/vite/bin/vite.js'), 'build', '--outDir', out, '--emptyOutDir', '--logLevel', 'warn'],
    page,
  );
}
run(process.execPath, [join(DOCS, 'node_modules/vitepress/bin/vitepress.js'), task, ...rest], DOCS);
if (task === 'build') console.log(`docs/.vitepress/dist is ready, ${seconds(begin)}`);
