/** @file Copies the page into a folder of its own. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const TEMPLATE = fileURLToPath(new URL('../template', import.meta.url));

/**
 * Writes the page's sources into a folder: a project with package.json, that `npm install` and `npm run dev` start.
 * @param folder Made when it is missing.
 * @throws Error when it is a file, or a folder that is not empty: nothing is written then.
 * @example
 * createJudgePage('my-page');
 */
export function createJudgePage(folder: string): void {
  const target = resolve(folder);
  if (existsSync(target)) {
    if (!statSync(target).isDirectory()) throw new Error(`${folder}: is a file; name a folder that is new or empty`);
    const [first, ...others] = readdirSync(target);
    if (first !== undefined) {
      const more = others.length ? ` and ${others.length} more` : '';
      throw new Error(`${folder}: is not empty (it has ${first}${more}); name a folder that is new or empty`);
    }
  }
  mkdirSync(target, { recursive: true });
  cpSync(TEMPLATE, target, { recursive: true });
  renameSync(join(target, 'gitignore'), join(target, '.gitignore'));
  renameSync(join(target, 'terms'), join(target, 'LICENSE'));
  const path = join(target, 'package.json');
  const manifest = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, `${JSON.stringify({ ...manifest, name: packageName(target) }, null, 2)}\n`);
}

/** The folder's name as npm takes names. */
function packageName(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9._~-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '');
  return name || 'judge-page';
}
