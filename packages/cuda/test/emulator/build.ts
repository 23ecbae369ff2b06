/** @file Builds the stand-in for NVIDIA's driver: the kernels' own sources and the emulation, by g++ into a library. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allKernels, INCLUDES, sourcesHash } from '../../../../tools/cuda-sources.mjs';

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

/** Path of the library; built when the sources have changed. Processes that build at once make the same file. */
export function emulatedDriver(): string {
  const hash = createHash('sha256').update(sourcesHash());
  for (const name of ['emulator.h', 'driver.cpp']) hash.update(readFileSync(join(HERE, name)));
  const folder = join(tmpdir(), `arena-cuda-emulator-${process.getuid?.() ?? ''}`);
  const library = join(folder, `${hash.digest('hex').slice(0, 16)}.so`);
  if (existsSync(library)) return library;
  mkdirSync(folder, { recursive: true });
  const source = join(folder, `${process.pid}.cpp`);
  writeFileSync(source, allKernels());
  const made = `${library}.${process.pid}`;
  execFileSync('g++', [...OPTIONS, '-o', made, source, join(HERE, 'driver.cpp')], { stdio: 'inherit' });
  renameSync(made, library);
  return library;
}
