import { expect, test } from 'vitest';
import { manifests } from '../manifests.mjs';

test.each(manifests().map((one) => [one.folder, one] as const))('the manifest of %s', (folder, { is, should }) => {
  expect(is.name).toBe(`@arena/${folder}`);
  expect(is).toEqual(should); // node tools/manifests.mjs
  expect(is.description.length).toBeGreaterThan(20);
  expect(is.keywords.length).toBeGreaterThan(7);
  expect(is.scripts?.install ?? is.scripts?.postinstall ?? is.scripts?.preinstall).toBeUndefined();
  expect(is.files).toContain('README.md');
});
