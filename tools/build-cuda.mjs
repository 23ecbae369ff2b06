/**
 * @file Compiles the CUDA kernels to PTX: `node tools/build-cuda.mjs [--all]` makes kernel.ptx.gz beside each kernel.cu
 * whose text has changed. These files are committed, so that only who changes a kernel needs nvcc (CUDA 12 or later).
 * `--check` says which do not belong to their sources, by a hash; where ptxas is at hand, it also assembles them for every
 * architecture that it knows.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cudaSources, INCLUDES, isBuilt, ROOT, readPtx, targetOf, writePtx } from './cuda-sources.mjs';

/**
 * PTX versions: nvcc writes its own, which older drivers refuse. What the kernels use is in these (CUDA 11.0, and 12.0 for
 * Hopper's instructions).
 */
const TARGETS = {
  sm_80: { version: '7.0', assembled: ['sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_100', 'sm_120'] },
  sm_90a: { version: '8.0', assembled: ['sm_90a'] },
};

const folder = mkdtempSync(join(tmpdir(), 'arena-cuda-'));
try {
  if (process.argv.includes('--check')) check();
  else build(process.argv.includes('--all'));
} finally {
  rmSync(folder, { recursive: true });
}

function build(all) {
  const sources = cudaSources().filter((source) => all || !isBuilt(source));
  if (!sources.length) console.log('every source has its PTX');
  for (const source of sources) {
    const ptx = compile(source);
    assemble(source, ptx);
    writePtx(source, ptx);
    console.log(
      `${source}: ${[...ptx.matchAll(/\.entry (\w+)/g)].length} kernels, ${(ptx.length / 1024).toFixed(0)} KiB`,
    );
  }
}

function compile(source) {
  const target = targetOf(source);
  const virtual = target.replace('sm', 'compute');
  const output = join(folder, 'kernels.ptx');
  const options = ['-ptx', '-gencode', `arch=${virtual},code=${virtual}`, '-O3', '-std=c++17', ...INCLUDES];
  execFileSync(process.env.NVCC ?? 'nvcc', [...options, '-o', output, join(ROOT, source)], { stdio: 'inherit' });
  return lowered(readFileSync(output, 'utf8'), TARGETS[target].version);
}

/** Without comments and empty lines, and with the version that old drivers take. */
function lowered(ptx, version) {
  const lines = ptx
    .replace(/^\.version .*$/m, `.version ${version}`)
    .split('\n')
    .map((line) => line.replace(/\/\/.*$/, '').trimEnd());
  return `${lines.filter((line) => line).join('\n')}\n`;
}

function check() {
  const old = cudaSources().filter((source) => !isBuilt(source));
  for (const source of old) console.error(`${source}: its PTX is not of this text: run node tools/build-cuda.mjs`);
  if (old.length) {
    process.exitCode = 1;
    return;
  }
  const assembled = cudaSources().flatMap((source) => assemble(source, readPtx(source).ptx));
  const taken = [...new Set(assembled)];
  console.log(`the PTX belongs to the sources${taken.length ? `; ptxas takes it for ${taken.join(', ')}` : ''}`);
}

/** Assembles a text where ptxas is at hand. @returns the architectures. */
function assemble(source, text) {
  const file = join(folder, 'check.ptx');
  writeFileSync(file, text);
  try {
    execFileSync('ptxas', ['--version'], { stdio: 'ignore' });
  } catch {
    return [];
  }
  const { assembled } = TARGETS[targetOf(source)];
  for (const architecture of assembled) {
    execFileSync('ptxas', [`-arch=${architecture}`, '-o', join(folder, 'check.cubin'), file], { stdio: 'inherit' });
  }
  return assembled;
}
