/** @file Dead links of the repository's pages: files and anchors that are not there. Addresses elsewhere are only parsed. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { headingsOf, linksOf } from './markdown.mjs';

const ROOT = join(import.meta.dirname, '../..');
/** The repository's address, as package.json has it. */
export const REPOSITORY = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  .repository.url.replace(/^git\+/, '')
  .replace(/\.git$/, '');
/** Pages and files that the build makes. */
const BUILT = /^docs\/(reference\/api\/|public\/play\/)/;

/**
 * What is wrong with the links of pages.
 * @param pages Texts by path within the repository.
 * @returns {string[]} a line each: path, line, what.
 */
export function linkProblems(pages) {
  const anchors = new Map();
  const anchorsOf = (path) => {
    if (!anchors.has(path)) {
      const text = pages.get(path) ?? readFileSync(join(ROOT, path), 'utf8');
      const explicit = [...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map((match) => match[1]);
      anchors.set(path, new Set([...headingsOf(text).map(({ anchor }) => anchor), ...explicit]));
    }
    return anchors.get(path);
  };
  return [...pages].flatMap(([page, text]) =>
    linksOf(text).flatMap(({ target, line }) => {
      const problem = problemOf(page, target, anchorsOf);
      return problem ? [`${page}:${line}: ${target}: ${problem}`] : [];
    }),
  );
}

function problemOf(page, target, anchorsOf) {
  const ours = [`${REPOSITORY}/blob/main/`, `${REPOSITORY}/tree/main/`].find((start) => target.startsWith(start));
  if (/^[a-z][a-z+.-]*:/i.test(target) && !ours) return URL.canParse(target) ? undefined : 'is no address';
  if (target.startsWith('/') && !page.startsWith('docs/')) return 'begins at the root of the machine';
  const [path, anchor] = (ours ? target.slice(ours.length) : target).split('#');
  const file = ours
    ? path
    : target.startsWith('/')
      ? posix.join('docs', path)
      : path
        ? posix.join(posix.dirname(page), decodeURIComponent(path))
        : page;
  if (BUILT.test(file)) return undefined;
  if (file.startsWith('..') || !existsSync(join(ROOT, file))) return 'is not there';
  if (!anchor || !file.endsWith('.md') || statSync(join(ROOT, file)).isDirectory()) return undefined;
  return anchorsOf(file).has(decodeURIComponent(anchor)) ? undefined : `${file} has no such heading`;
}
