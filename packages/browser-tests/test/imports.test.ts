/** @file What a page can import asks for nothing of Node before it runs: its parts are asked for with `process.getBuiltinModule`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** Packages for Node alone. */
const NODE_ONLY = ['browser-tests', 'cli', 'conformance', 'create-judge-page', 'cuda', 'mpi'];
/** Modules that are imported as values, by a statement or a call. */
const IMPORT = /^(?:import|export) (?!type )[^;]*?from '([^']+)'|^import '([^']+)'|(?<!typeof )\bimport\('([^']+)'\)/gm;
const PACKAGES = fileURLToPath(new URL('../../', import.meta.url));
const names = readdirSync(PACKAGES).filter((name) => !NODE_ONLY.includes(name) && existsSync(`${PACKAGES}${name}/src`));

test.each(names)('%s', (name) => {
  const files = readdirSync(`${PACKAGES}${name}/src`, { recursive: true, encoding: 'utf8' });
  const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.as.ts'));
  expect(sources).not.toHaveLength(0);
  const found = sources.flatMap((file) => {
    const text = readFileSync(`${PACKAGES}${name}/src/${file}`, 'utf8');
    const modules = Array.from(text.matchAll(IMPORT), ([, ...groups]) => groups.find(Boolean)!);
    return modules.filter((one) => one.startsWith('node:') || builtinModules.includes(one)).map((one) => [file, one]);
  });
  expect(found).toEqual([]);
});
