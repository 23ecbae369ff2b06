/** @file Builds the stand-in for NVIDIA's driver: the kernels' own sources and the emulation, by g++ into a library. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allKernels, INCLUDES, sourcesHash } from '../../../../tools/cuda-sources.mjs';
import { fillInUnbuilt } from './unbuilt.js';

const HERE = import.meta.dirname;
const OPTIONS = [
  '-std=c++17',
  '-O2',
  '-fPIC',
  '-shared',
  '-U_FORTIFY_SOURCE',
  '-Wno-unknown-pragmas',
  '-I',
  HERE,
  ...INCLUDES,
];

/** Whether g++ is here. CI must have it: without it there, the tests fail instead of being skipped. */
export function hasCompiler(): boolean {
  const found = spawnSync('g++', ['--version']).status === 0;
  if (!found && process.env.CI)
    throw new Error('g++ is missing: CI tests engine cuda on an emulation that it compiles');
  if (!found) console.warn('engine cuda is not tested: g++ is missing (apt-get install g++)');
  return found;
}

/** Path of the driver's stand-in, with the kernels in it; built when the sources have changed. PTX that has not may be old. */
export function emulatedDriver(): string {
  fillInUnbuilt();
  return build(['driver.cpp'], ['emulator.h'], allKernels());
}

/** Path of cuBLASLt's. */
export function emulatedCublasLt(): string {
  return build(['cublas-lt.cpp'], [], '');
}

/** A library of C++ files. Processes that build at once make the same file. */
function build(files: string[], headers: string[], kernels: string): string {
  const hash = createHash('sha256').update(sourcesHash());
  for (const name of [...headers, ...files]) hash.update(readFileSync(join(HERE, name)));
  const folder = join(tmpdir(), `arena-cuda-emulator-${process.getuid?.() ?? ''}`);
  const library = join(folder, `${hash.digest('hex').slice(0, 16)}.so`);
  if (existsSync(library)) return library;
  mkdirSync(folder, { recursive: true });
  const source = join(folder, `${process.pid}-${files[0]}`);
  writeFileSync(source, kernels);
  const made = `${library}.${process.pid}`;
  execFileSync('g++', [...OPTIONS, '-o', made, source, ...files.map((name) => join(HERE, name))], { stdio: 'inherit' });
  rmSync(source);
  renameSync(made, library);
  return library;
}
