/** @file The copy that `npm create @arena/judge-page` makes. That it builds is what tools/check-judge-page.mjs shows. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJudgePage } from '../src/index.js';

const OWN = fileURLToPath(new URL('..', import.meta.url));
const PAGE = fileURLToPath(new URL('../../../examples/browser', import.meta.url));
let folder: string;

beforeAll(() => {
  execFileSync(process.execPath, [join(OWN, 'make-template.mjs')]);
  folder = mkdtempSync(join(tmpdir(), 'arena-create-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('the copy has the sources of the page, and a manifest without the workspace', () => {
  const target = join(folder, 'My Page');
  createJudgePage(target);
  for (const name of readdirSync(join(PAGE, 'src'), { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue;
    const path = join(name.parentPath, name.name);
    expect(readFileSync(join(target, path.slice(PAGE.length)), 'utf8')).toBe(readFileSync(path, 'utf8'));
  }
  const manifest = readFileSync(join(target, 'package.json'), 'utf8');
  expect(manifest).not.toMatch(/workspace:|catalog:/);
  const { name, dependencies, devDependencies } = JSON.parse(manifest);
  expect(name).toBe('my-page');
  for (const range of Object.values({ ...dependencies, ...devDependencies }))
    expect(range).toMatch(/^[~^]?\d+\.\d+\.\d+/);
  expect(readdirSync(target).sort()).toEqual([
    ...['.gitignore', 'LICENSE', 'README.md', 'hosting.ts', 'index.html', 'package.json', 'src', 'tsconfig.json'],
    'vite.config.ts',
  ]);
  expect(readFileSync(join(target, 'README.md'), 'utf8')).not.toMatch(/pnpm|\]\(\.\.\//);
});

test('an empty folder is taken; one that is not, and a file, are refused and left as they are', () => {
  const [empty, full, file] = ['empty', 'full', 'file'].map((name) => join(folder, name));
  mkdirSync(empty);
  createJudgePage(empty);
  expect(existsSync(join(empty, 'index.html'))).toBe(true);
  mkdirSync(full);
  writeFileSync(join(full, 'mine.txt'), 'mine');
  expect(() => createJudgePage(full)).toThrow(
    'full: is not empty (it has mine.txt); name a folder that is new or empty',
  );
  expect(readdirSync(full)).toEqual(['mine.txt']);
  writeFileSync(file, '');
  expect(() => createJudgePage(file)).toThrow('file: is a file');
});
