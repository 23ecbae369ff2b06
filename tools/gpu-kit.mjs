/**
 * @file Makes a folder with what a machine with a GPU runs: `node gpu-kit.mjs <folder> cuda|webgpu`. The checks and the workspace's packages in one file,
 * what reaches the GPU (koffi, or the package `webgpu` of the folder that the environment variable ARENA_DAWN names) for this system, and this Node,
 * compressed. packages/cuda/gpu-check.sh and bench/webgpu-check.sh run it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cudaSources, ROOT } from './cuda-sources.mjs';

const folder = resolve(process.argv[2]);
const engine = process.argv[3];
const cuda = join(ROOT, 'packages/cuda');
const esbuild = createRequire(createRequire(join(cuda, 'package.json')).resolve('tsup'))('esbuild');

/** Folders to copy, from and to, and what of them building takes. */
const PARTS = {
  cuda() {
    const koffi = realpathSync(join(cuda, 'node_modules/koffi'));
    const ours = `koffi-${process.platform}-${process.arch}`;
    const copies = [
      [koffi, 'node_modules/koffi'],
      [realpathSync(join(koffi, '..', '@koromix', ours)), `node_modules/@koromix/${ours}`],
    ];
    // the kernels: PTX is read from the package that holds it
    const texts = cudaSources().map((source) => source.replace(/\.cu$/, '.ptx.gz'));
    const packages = new Set(texts.map((path) => path.split('/')[1]));
    for (const name of packages) {
      copies.push([join(ROOT, 'packages', name, 'package.json'), `node_modules/@arena/${name}/package.json`]);
    }
    for (const path of texts) copies.push([join(ROOT, path), path.replace('packages/', 'node_modules/@arena/')]);
    return { check: join(cuda, 'gpu-check/check.ts'), copies, leftOut: /\/(doc|vendor|musl_\w+)(\/|$)/ };
  },
  webgpu() {
    const dawn = join(process.env.ARENA_DAWN ?? '.', 'node_modules/webgpu');
    const platform = `dist/${process.platform}-${process.arch}`;
    const copies = ['package.json', 'index.js', platform].map((path) => [
      join(dawn, path),
      `node_modules/webgpu/${path}`,
    ]);
    // the loader that finds a Vulkan driver, for machines that have a driver alone
    const loader = ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1'].find(existsSync);
    if (loader) copies.push([loader, 'lib/libvulkan.so.1']);
    return { check: join(ROOT, 'bench/webgpu/check.mjs'), copies, leftOut: /(?!)/ };
  },
};
const { check, copies, leftOut } = PARTS[engine]();

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
await esbuild.build({
  entryPoints: [check],
  outfile: join(folder, 'check.mjs'),
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  mainFields: ['module', 'main'],
  external: ['koffi'],
  tsconfigRaw: {}, // whose paths lead some files to a package's sources, and so to a second copy of it
  // packages written for CommonJS ask for Node's own modules by require
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});
for (const [from, to] of copies) {
  const filter = (path) => !leftOut.test(path.slice(from.length));
  cpSync(from, join(folder, to), { recursive: true, filter, dereference: true });
}
const stripped = join(tmpdir(), `arena-node-${process.pid}`);
execFileSync('strip', ['-o', stripped, process.execPath]);
writeFileSync(join(folder, 'node.gz'), gzipSync(readFileSync(stripped), { level: 9 }));
rmSync(stripped);
const size = execFileSync('du', ['-sm', folder]).toString().split('\t')[0];
console.error(`${process.argv[2]}: ${size} MB`);
