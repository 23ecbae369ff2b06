/** @file Packs packages of the workspace as pnpm publishes them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');

/** Manifests of the packages that are published, each with the folder that it lies in. */
export function publicPackages() {
  return readdirSync(join(ROOT, 'packages'))
    .map((name) => join(ROOT, 'packages', name))
    .map((path) => ({ path, ...JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) }))
    .filter((one) => !one.private);
}

/** Packs the package in a folder. @returns the path of the tarball, in `destination`. */
export function pack(path, destination) {
  const { npm_execpath: pnpm = '' } = process.env;
  if (!pnpm.includes('pnpm')) throw new Error('run this as a script of pnpm, which packs');
  const args = [pnpm, 'pack', '--json', '--pack-destination', destination];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: path })).filename;
}
