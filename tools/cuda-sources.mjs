/** @file The CUDA sources of all packages, beside the ops that they belong to. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..');

/** Where the sources find each other's headers, as arguments of a compiler. */
export const INCLUDES = ['packages/runtime/src/cuda', 'packages/random/src'].flatMap((path) => [
  '-I',
  join(ROOT, path),
]);

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

/** What a source needs beyond sm_80, by its name. */
const HOPPER = '.sm90a.cu';

/** One translation unit of the kernels for a target, or of all. @param {'sm_80' | 'sm_90a'} [target] */
export function allKernels(target) {
  return cudaSources()
    .filter((path) => !target || path.endsWith(HOPPER) === (target === 'sm_90a'))
    .map((path) => `#include "${join(ROOT, path)}"\n`)
    .join('');
}

/** SHA-256 of the sources: names and contents. */
export function sourcesHash() {
  const hash = createHash('sha256');
  for (const path of cudaSources(['cu', 'cuh'])) hash.update(`${path}\0${readFileSync(join(ROOT, path))}\0`);
  return hash.digest('hex');
}
