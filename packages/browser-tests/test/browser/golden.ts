/// <reference types="vite/client" />
/** @file Tests of every golden case on an engine, in a Worker. */
import type { CaseResult } from '@arena/conformance';
import type { EngineName } from '@arena/runtime';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { GoldenRequest } from './golden.worker.js';

const cases = Object.keys(import.meta.glob('../../../conformance/fixtures/**/case.json', { query: '?url' })).map(
  (path) => path.split('/fixtures/')[1].slice(0, -'/case.json'.length),
);

/** The case of the real base: not for engine `webgpu`, whose adapter here is software and takes over five minutes. */
const REAL = 'gguf/real270m';

/** A test for each case of these areas. */
export function goldenTests(engine: EngineName, areas: string[]): void {
  const gemma3 = engine === 'wasm' ? inject('gemma3') : '';
  const wanted = cases.filter((folder) => areas.includes(folder.split('/')[0]) && (folder !== REAL || gemma3));
  const worker = new Worker(new URL('./golden.worker.ts', import.meta.url), { type: 'module' });
  const ask = (request: GoldenRequest) =>
    new Promise<CaseResult>((resolve, reject) => {
      worker.onmessage = ({ data }) => ('error' in data ? reject(new Error(data.error)) : resolve(data.result));
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(request);
    });
  describe(`golden cases on engine ${engine} in a Worker`, () => {
    beforeAll(async () => void (await ask({ open: engine, gemma3 })));
    afterAll(() => worker.terminate());

    if (!gemma3 && engine === 'wasm') it.skip(`${REAL}: not run, ARENA_GEMMA3_270M does not name the file`);
    it.each(wanted)('%s', async (folder) => {
      const { status, checks, where, failures } = await ask({ folder });
      expect({ status, where: status === 'passed' ? '' : where, failures }).toEqual({
        status: 'passed',
        where: '',
        failures: [],
      });
      expect(checks).toBeGreaterThan(0);
    });
  });
}
