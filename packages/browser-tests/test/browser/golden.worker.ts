/// <reference types="vite/client" />
/** @file A Worker that runs golden cases on an engine. Answers a {@link GoldenRequest} with its result or its error. */
import { type CaseResult, type CaseSource, runCase } from '@arena/conformance';
import { bytesSource, urlSource } from '@arena/files';
import { type EngineName, openEngine } from '@arena/runtime';

const ROOT = '../../../conformance/fixtures/';
const urls: Record<string, string> = import.meta.glob('../../../conformance/fixtures/**/*', {
  query: '?url',
  import: 'default',
  eager: true,
});

/** Address of the real Gemma 3 270M. */
let gemma3 = '';

/** The fixtures as the test server has them. */
const source: CaseSource = {
  folders: Object.keys(urls).flatMap((path) =>
    path.endsWith('/case.json') ? [path.slice(ROOT.length, -'/case.json'.length)] : [],
  ),
  location: (folder) => async (name) => {
    const url = urls[`${ROOT}${folder}/${name}`];
    if (!url) return null;
    return bytesSource(new Uint8Array(await (await fetch(url)).arrayBuffer()), name);
  },
  input: async () => null,
  gemma3: async () => (gemma3 ? urlSource(gemma3) : null),
};

/** Opens an engine, or runs a case on it. */
export type GoldenRequest = { open: EngineName; gemma3: string } | { folder: string };

addEventListener('message', async ({ data }: MessageEvent<GoldenRequest>) => {
  try {
    if ('open' in data) {
      gemma3 = data.gemma3;
      await openEngine(data.open);
    }
    postMessage({ result: 'open' in data ? null : ((await runCase(source, data.folder)) satisfies CaseResult) });
  } catch (error) {
    postMessage({ error: String(error) });
  }
});
