/**
 * @file Makes a folder with what packages/cuda/gpu-check.sh runs: `node gpu-kit.mjs <folder>`. The checks and the workspace's packages in one file,
 * koffi for this system, and this Node, compressed.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ROOT } from './cuda-sources.mjs';

const folder = resolve(process.argv[2]);
const cuda = join(ROOT, 'packages/cuda');
const esbuild = createRequire(createRequire(join(cuda, 'package.json')).resolve('tsup'))('esbuild');

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
await esbuild.build({
  entryPoints: [join(cuda, 'gpu-check/check.ts')],
  outfile: join(folder, 'check.mjs'),
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  mainFields: ['module', 'main'],
  external: ['koffi'],
  // packages written for CommonJS ask for Node's own modules by require
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});

const koffi = realpathSync(join(cuda, 'node_modules/koffi'));
const ours = `koffi-${process.platform}-${process.arch}`;
const binary = realpathSync(join(koffi, '..', '@koromix', ours));
for (const [from, to] of [
  [koffi, 'koffi'],
  [binary, `@koromix/${ours}`],
]) {
  // what building it takes is left out
  const filter = (path) => !/\/(doc|vendor|musl_\w+)(\/|$)/.test(path.slice(from.length));
  cpSync(from, join(folder, 'node_modules', to), { recursive: true, filter, dereference: true });
}
const stripped = join(tmpdir(), `arena-node-${process.pid}`);
execFileSync('strip', ['-o', stripped, process.execPath]);
writeFileSync(join(folder, 'node.gz'), gzipSync(readFileSync(stripped), { level: 9 }));
rmSync(stripped);
const size = execFileSync('du', ['-sm', folder]).toString().split('\t')[0];
console.error(`${process.argv[2]}: ${size} MB`);
