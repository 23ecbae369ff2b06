/** @file The golden cases of an area as tests of the package that owns it: one test a case and engine. */
import { fileURLToPath } from 'node:url';
import { runCase } from '@arena/conformance';
import { type EngineName, openEngine } from '@arena/runtime';
import { beforeAll, describe, expect, test } from 'vitest';
import { folderSource } from '../packages/conformance/src/node-source.js';

const ROOT = fileURLToPath(new URL('../packages/conformance/fixtures', import.meta.url));

/** The real base, which no repository holds: a case for engines with kernels for its blocks, see tools/gemma3-270m.mjs. */
const REAL = 'gguf/real270m';
const REAL_ENGINES: EngineName[] = ['wasm'];
const realAtHand = Boolean(process.env.ARENA_GEMMA3_270M) || process.env.CI === 'true';

/** Runs every case below `packages/conformance/fixtures/<area>`. */
export async function goldenTests(area: string, engines: EngineName[] = ['cpu', 'wasm']): Promise<void> {
  const source = await folderSource(ROOT);
  const folders = source.folders.filter((folder) => folder.startsWith(`${area}/`));
  describe.each(engines)(`golden cases of ${area} on engine %s`, (name) => {
    beforeAll(async () => {
      const engine = await openEngine(name);
      return () => engine.dispose();
    });

    const wanted = folders.filter((folder) => folder !== REAL || (REAL_ENGINES.includes(name) && realAtHand));
    if (wanted.length < folders.length && REAL_ENGINES.includes(name))
      test.skip(`${REAL}: not run, ARENA_GEMMA3_270M does not name the file`);
    test.each(wanted)('%s', { timeout: 120_000 }, async (folder) => {
      const { status, checks, where, failures } = await runCase(source, folder);
      expect({ status, where: status === 'passed' ? '' : where, failures }).toEqual({
        status: 'passed',
        where: '',
        failures: [],
      });
      expect(checks).toBeGreaterThan(0);
    });
  });
}
