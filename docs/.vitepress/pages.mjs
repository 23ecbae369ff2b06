/**
 * @file The pages of the site: which folders, in which order. A page's title is its first heading; a page that no list
 * here names comes after those that are named, by its title.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { titleOf } from '../../tools/docs/markdown.mjs';

/** The folder docs/. */
export const DOCS = join(import.meta.dirname, '..');

/** Folders in the order of the side bar, with the pages that come first in each. */
const SECTIONS = [
  { folder: 'start', title: 'Start', first: ['five-minutes', 'which-way'] },
  { folder: 'tutorials', title: 'Tutorials', first: ['own-votes', 'reward-model', 'in-the-browser', 'react'] },
  { folder: 'how-to', title: 'How to', first: ['get-gemma', 'votes-from-the-hub', 'columns', 'clean-and-split'] },
  { folder: 'guide', title: 'Guides', first: ['training', 'small-judges', 'python'] },
  { folder: 'recipes', title: 'Recipes', first: ['index', 'small-base', 'reference'] },
  { folder: 'from', title: 'Coming from', first: ['peft', 'trl'] },
  {
    folder: 'concepts',
    title: 'Concepts',
    first: ['battles', 'packing', 'splits', 'qlora', 'backward', 'engines', 'report', 'exactness'],
    also: ['architecture.md'],
  },
  { folder: 'reference', title: 'Reference', first: ['commands', 'config', 'files', 'data-formats'] },
  { folder: 'help', title: 'Help', first: ['faq', 'limits', 'glossary'] },
  { folder: 'benchmarks', title: 'Benchmarks', first: ['real-votes', 'quickstart'] },
  { folder: 'decisions', title: 'Decisions', first: [], byName: true },
];

/** Every page: its section, its path within docs/, its title and text. The API's pages are not among them. */
export function sections() {
  return SECTIONS.filter(({ folder }) => existsSync(join(DOCS, folder))).map((section) => {
    const { folder, title, first, also = [], byName = false } = section;
    const names = readdirSync(join(DOCS, folder)).filter((name) => name.endsWith('.md'));
    const paths = [...names.map((name) => `${folder}/${name}`), ...also];
    const pages = paths.map((path) => {
      const text = readFileSync(join(DOCS, path), 'utf8');
      return { path, text, title: titleOf(text) ?? path };
    });
    const rank = ({ path }) => {
      const at = first.indexOf(path.slice(folder.length + 1, -3));
      return at < 0 ? first.length : at;
    };
    const key = (page) => (byName ? page.path : page.title);
    pages.sort((a, b) => rank(a) - rank(b) || key(a).localeCompare(key(b)));
    return { folder, title, pages };
  });
}

/** The address of a page within the site. */
const addressOf = (path) => `/${path.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}`;

/** The side bar. The group of the page that is read is open, and so are the first two. */
export function sidebar() {
  return sections().map(({ folder, title, pages }, i) => {
    const items = pages.map((page) => ({ text: page.title, link: addressOf(page.path) }));
    const api = folder === 'reference' ? apiGroups() : [];
    return { text: title, collapsed: i > 1, items: [...items, ...api] };
  });
}

/** The API's pages, where they are built: a group with a page for each entry point. */
function apiGroups() {
  const names = apiPages().filter((name) => name !== 'index.md');
  const items = names.map((name) => ({
    text: `@arena/${name.replace(/(\/index)?\.md$/, '')}`,
    link: addressOf(`reference/api/${name}`),
  }));
  return items.length ? [{ text: 'API', collapsed: true, items }] : [];
}

/** Pages of the API, as paths within reference/api. */
export function apiPages() {
  const folder = join(DOCS, 'reference/api');
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true }).map((name) => name.replaceAll('\\', '/'));
  return names.filter((name) => name.endsWith('.md')).sort();
}
