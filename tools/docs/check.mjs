/**
 * @file The gate of the pages: `pnpm pages [part of a path...]`. Dead links of every page, code blocks of docs and
 * READMEs, pages that are made from the sources and are out of date. Needs a build of the packages.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blockProblems } from './blocks.mjs';
import { linkProblems } from './links.mjs';
import { referenceProblems } from './reference.mjs';

const ROOT = join(import.meta.dirname, '../..');
const wanted = process.argv.slice(2);
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: ROOT, encoding: 'utf8' });
const pages = new Map(
  files
    .split('\n')
    .filter((path) => path && !/(^|\/)(fixtures|\.changeset)\//.test(path))
    .filter((path) => !wanted.length || wanted.some((part) => path.includes(part)))
    .map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]),
);
const problems = [...linkProblems(pages), ...(await blockProblems(pages)), ...(await referenceProblems())];
for (const problem of problems) console.log(problem);
console.log(`${pages.size} pages, ${problems.length} problems`);
process.exitCode = problems.length ? 1 : 0;
