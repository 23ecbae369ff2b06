/** @file The golden cases of an area as tests of the package that owns it: one test a case and engine. */
import { fileURLToPath } from 'node:url';
import { runCase } from '@arena/conformance';
import { type EngineName, openEngine } from '@arena/runtime';
import { beforeAll, describe, expect, test } from 'vitest';
import { folderSource } from '../packages/conformance/src/node-source.js';

const ROOT = fileURLToPath(new URL('../packages/conformance/fixtures', import.meta.url));

/** Runs every case below `packages/conformance/fixtures/<area>`. */
export async function goldenTests(area: string, engines: EngineName[] = ['cpu', 'wasm']): Promise<void> {
  const source = await folderSource(ROOT);
  const folders = source.folders.filter((folder) => folder.startsWith(`${area}/`));
  describe.each(engines)(`golden cases of ${area} on engine %s`, (name) => {
    beforeAll(async () => {
      const engine = await openEngine(name);
      return () => engine.dispose();
    });

    test.each(folders)('%s', { timeout: 120_000 }, async (folder) => {
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
