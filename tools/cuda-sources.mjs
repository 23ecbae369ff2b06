/**
 * @file The CUDA sources of all packages, beside the ops that they belong to, and the PTX beside each of them: kernel.cu
 * has kernel.ptx.gz, whose first line says by a hash which sources it was compiled from.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

export const ROOT = resolve(import.meta.dirname, '..');

/** Folders in which the sources find each other's headers. */
const HEADERS = ['packages/runtime/src/cuda', 'packages/random/src'].map((path) => join(ROOT, path));

/** {@link HEADERS} as arguments of a compiler. */
export const INCLUDES = HEADERS.flatMap((folder) => ['-I', folder]);

/** Paths from the root, in a fixed order: kernels (.cu) or everything that they are made of (.cu and .cuh). */
export function cudaSources(extensions = ['cu']) {
  return readdirSync(join(ROOT, 'packages'))
    .map((name) => `packages/${name}/src`)
    .filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true }).map((path) => `${folder}/${path}`))
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => extensions.some((extension) => path.endsWith(`.${extension}`)))
    .sort();
}

/** What a source is compiled for, by its name: sm_80, or Hopper's own instructions. */
export function targetOf(source) {
  return source.endsWith('.sm90a.cu') ? 'sm_90a' : 'sm_80';
}

/** One translation unit of all kernels. */
export function allKernels() {
  return cudaSources()
    .map((path) => `#include "${join(ROOT, path)}"\n`)
    .join('');
}

/** SHA-256 of a source and of all that it includes: names without folders, and contents. */
export function sourceHash(source) {
  const hash = createHash('sha256');
  const seen = new Set();
  const add = (path) => {
    if (seen.has(path)) return;
    seen.add(path);
    const text = readFileSync(path, 'utf8');
    hash.update(`${basename(path)}\0${text}\0`);
    for (const [, name] of text.matchAll(/^#include "(.*)"/gm)) {
      const found = [dirname(path), ...HEADERS].map((folder) => join(folder, name)).find(existsSync);
      if (found) add(found); // emulator.h is the tests' alone
    }
  };
  add(join(ROOT, source));
  return hash.digest('hex');
}

/** SHA-256 of all sources: names and contents. */
export function sourcesHash() {
  const hash = createHash('sha256');
  for (const path of cudaSources(['cu', 'cuh'])) hash.update(`${path}\0${readFileSync(join(ROOT, path))}\0`);
  return hash.digest('hex');
}

/** A source's PTX, without the line that says what it was made of; undefined when it was never made. */
export function readPtx(source) {
  const file = ptxFile(source);
  if (!existsSync(file)) return undefined;
  const text = gunzipSync(readFileSync(file)).toString();
  const [line] = text.split('\n', 1);
  return { sources: line.replace('// sources ', ''), ptx: text.slice(line.length + 1) };
}

/** Keeps a source's PTX, with its hash of now. */
export function writePtx(source, ptx) {
  const file = ptxFile(source);
  writeFileSync(`${file}.tmp`, gzipSync(`// sources ${sourceHash(source)}\n${ptx}`, { level: 9 }));
  renameSync(`${file}.tmp`, file);
}

/** Whether a source's PTX is that of its text now. */
export function isBuilt(source) {
  return readPtx(source)?.sources === sourceHash(source);
}

function ptxFile(source) {
  return join(ROOT, source.replace(/\.cu$/, '.ptx.gz'));
}
