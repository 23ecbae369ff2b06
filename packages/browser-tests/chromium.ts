/** @file The vitest projects that run in Chromium, once on a cross-origin isolated page and once on an ordinary one. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import shared from '../../vitest.package.js';

/** The Chromium that tests run in: the one that the environment variable CHROMIUM names, or Debian's. */
export const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';

/** Root, as in most containers, cannot have Chromium's sandbox. */
export const CHROMIUM_FLAGS = ['--no-sandbox', '--disable-background-networking', '--disable-component-update'];

/** With these headers a page may share memory between threads. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** The projects for the root's run; none, with a line that says so, where there is no Chromium. */
export function browserProjects(): TestProjectInlineConfiguration[] {
  if (existsSync(CHROMIUM)) return [browserProject('isolated', true), browserProject('plain', false)];
  console.log(
    `Browser tests were NOT run: there is no Chromium at ${CHROMIUM}. Install it or set CHROMIUM to its path.`,
  );
  return [];
}

function browserProject(name: string, isolated: boolean): TestProjectInlineConfiguration {
  return {
    root: ROOT,
    resolve: shared.resolve,
    cacheDir: `node_modules/.vite/${name}`,
    optimizeDeps: { include: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-cpu'] },
    server: { headers: isolated ? ISOLATION : {} },
    test: {
      name: `@arena/browser-tests:${name}`,
      include: ['test/browser/*.test.ts'],
      globalSetup: 'test/browser/node-results.ts',
      provide: { isolated },
      testTimeout: 120_000,
      hookTimeout: 60_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        instances: [{ browser: 'chromium' }],
        provider: playwright({ launchOptions: { executablePath: CHROMIUM, args: CHROMIUM_FLAGS } }),
      },
    },
  };
}
