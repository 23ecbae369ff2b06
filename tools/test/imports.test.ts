/** @file The arrows between packages are those of docs/architecture.md, and no files need each other in a circle. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type Import, importsOf, runtimeCircle } from '../imports.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const imports = importsOf(ROOT);

/** Rows `| package | may import |` of the architecture's table. */
function allowed(): Map<string, string[]> {
  const text = readFileSync(`${ROOT}/docs/architecture.md`, 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` +\| ([^|]*)\|/gm)];
  return new Map(rows.map(([, name, others]) => [name, [...others.matchAll(/`(\w+)`/g)].map(([, other]) => other)]));
}

const packageOf = ({ from }: Import) => from.split('/')[1];

test('there is something to look at', () => {
  expect(imports.length).toBeGreaterThan(800);
  expect(allowed().size).toBeGreaterThan(14);
});

test('a package imports only what docs/architecture.md allows it', () => {
  const table = allowed();
  const wrong = imports.flatMap((one) => {
    const other = /^@arena\/([a-z]+)/.exec(one.to)?.[1];
    if (!other) return [];
    return table.get(packageOf(one))?.includes(other) ? [] : [`${one.from} imports ${one.to}`];
  });
  expect(wrong).toEqual([]);
});

test("no package reaches into another's files", () => {
  const inside = imports.filter((one) => one.to.startsWith('packages/') && one.to.split('/')[1] !== packageOf(one));
  expect(inside).toEqual([]);
});

test('files need each other one way at run time', () => {
  expect(runtimeCircle(imports)).toBeUndefined();
});

test('a circle is found, and one of types alone is none', () => {
  const arrow = (from: string, to: string, typeOnly = false) => ({ from, to, typeOnly });
  const [a, b] = ['packages/x/src/a.ts', 'packages/x/src/b.ts'];
  expect(runtimeCircle([arrow(a, b), arrow(b, a)])).toEqual([a, b, a]);
  expect(runtimeCircle([arrow(a, b), arrow(b, a, true)])).toBeUndefined();
});
