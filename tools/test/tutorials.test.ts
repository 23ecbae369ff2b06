/** @file Every block of a page to follow is run, is a file, or says why it is neither. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { actionsOf } from '../tutorials.mjs';

const DOCS = new URL('../../docs/', import.meta.url);
const PAGES = ['start', 'tutorials', 'how-to'].flatMap((folder) =>
  readdirSync(new URL(folder, DOCS))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`),
);

it.each(PAGES)('%s can be followed', (page) => {
  expect(() => actionsOf(readFileSync(new URL(page, DOCS), 'utf8'))).not.toThrow();
});

it('refuses a block that nobody runs', () => {
  expect(() => actionsOf('```ts\nlet x;\n```\n')).toThrow('neither run, nor a file');
});

it('reads blocks in order', () => {
  const page = '```sh\nls\n```\n\n```js [a.js]\n1;\n```\n\n```sh no-run: why\nrm\n```\n';
  expect(actionsOf(page).map(({ kind, file }) => file ?? kind)).toEqual(['sh', 'a.js', 'skipped']);
});
