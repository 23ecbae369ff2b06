/** @file What a built page needs on a host of static files: a policy of what it may load, and a service worker that knows its files. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** The service worker's own file. */
const SERVICE_WORKER = 'service-worker.js';

/** No text becomes code, except WebAssembly. */
const POLICY = Object.entries({
  'default-src': "'none'",
  'script-src': "'self' 'wasm-unsafe-eval'",
  'worker-src': "'self' blob:", // the engine's threads come out of its own bundle
  'style-src': "'self' 'unsafe-inline'", // widths of bars, and the report's style sheet
  'img-src': "'self' data: blob:",
  'connect-src': "'self' https: http://localhost:* http://127.0.0.1:* blob:", // bases and votes, from where a person says
  'form-action': "'none'",
})
  .map(([name, value]) => `${name} ${value}`)
  .join('; ');

/** Where entries of the bundle go: the service worker serves the folder that it lies in. */
export const output = {
  entryFileNames: ({ name }: { name: string }) =>
    `${name}.js` === SERVICE_WORKER ? SERVICE_WORKER : 'assets/[name]-[hash].js',
};

/** Puts the policy into the page, and the list of files in front of the service worker. */
export function hosting(): Plugin {
  return {
    name: 'arena-hosting',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY },
        injectTo: 'head-prepend',
      },
    ],
    writeBundle({ dir = 'dist' }) {
      const names = readdirSync(dir, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(join(dir, '/').length).replaceAll('\\', '/'))
        .sort();
      const digest = createHash('sha256');
      for (const name of names) digest.update(name).update(readFileSync(join(dir, name)));
      const files = names.filter((name) => name !== SERVICE_WORKER);
      const built = { version: digest.digest('hex').slice(0, 16), files, policy: POLICY };
      const script = join(dir, SERVICE_WORKER);
      writeFileSync(script, `globalThis.BUILT=${JSON.stringify(built)};\n${readFileSync(script, 'utf8')}`);
    },
  };
}
