import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { publicNames } from '../public-names.mjs';

const { names: budgets } = JSON.parse(readFileSync(new URL('../../budgets.json', import.meta.url), 'utf8'));

test('public names stay within their budgets in budgets.json, a package and all together', () => {
  const counts = Object.entries(publicNames()).filter(([entry]) => entry.split('/').length === 2);
  const above = counts.filter(([entry, names]) => names.length > (budgets[entry] ?? 0));
  expect(above.map(([entry, names]) => `${entry}: ${names.length} of ${budgets[entry] ?? 0}`)).toEqual([]);
  expect(counts.reduce((sum, [, names]) => sum + names.length, 0)).toBeLessThanOrEqual(budgets.all);
});
