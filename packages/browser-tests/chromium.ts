/**
 * @file The vitest projects that run in Chromium: engine `wasm` on a cross-origin isolated page and on an ordinary one,
 * and engine `webgpu` on Chromium's software adapter.
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import type { TestProjectInlineConfiguration } from 'vitest/config';
import shared from '../../vitest.package.js';

/** The Chromium that tests run in: the one that the environment variable CHROMIUM names, or Debian's. */
export const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';

/** Root, as in most containers, cannot have Chromium's sandbox. */
export const CHROMIUM_FLAGS = ['--no-sandbox', '--disable-background-networking', '--disable-component-update'];

/** WebGPU on SwiftShader, so that machines without a GPU test it too. */
export const WEBGPU_FLAGS = [
  '--enable-unsafe-webgpu',
  '--use-vulkan=swiftshader',
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--disable-gpu-watchdog',
];

/** With these headers a page may share memory between threads. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** Gemma 3 270M, which no repository holds: `node tools/gemma3-270m.mjs` prints its path. Empty without it. */
const REAL_BASE = process.env.ARENA_GEMMA3_270M ? resolve(process.env.ARENA_GEMMA3_270M) : '';

/** The projects for the root's run; none, with a line that says so, where there is no Chromium. */
export function browserProjects(): TestProjectInlineConfiguration[] {
  if (existsSync(CHROMIUM)) return [engineProject('isolated', true), engineProject('plain', false), webgpuProject()];
  console.log(
    `Browser tests were NOT run: there is no Chromium at ${CHROMIUM}. Install it or set CHROMIUM to its path.`,
  );
  return [];
}

function engineProject(name: string, isolated: boolean): TestProjectInlineConfiguration {
  return project(name, {
    include: ['test/browser/*.test.ts'],
    provide: { isolated },
    flags: [],
    headers: isolated ? ISOLATION : {},
  });
}

function webgpuProject(): TestProjectInlineConfiguration {
  const flags = WEBGPU_FLAGS;
  return project('webgpu', { include: ['test/webgpu/*.test.ts'], provide: { isolated: false }, flags, headers: {} });
}

interface ProjectOptions {
  include: string[];
  provide: { isolated: boolean };
  flags: string[];
  headers: Record<string, string>;
}

function project(name: string, { include, provide, flags, headers }: ProjectOptions): TestProjectInlineConfiguration {
  const args = [...CHROMIUM_FLAGS, ...flags];
  return {
    root: ROOT,
    resolve: shared.resolve,
    cacheDir: `node_modules/.vite/${name}`,
    // a dependency that Vite finds in the middle of a run makes it reload, and a Worker's script fails to load
    optimizeDeps: {
      include: [
        '@tensorflow/tfjs-core',
        '@arena/runtime > @tensorflow/tfjs-backend-cpu',
        '@tensorflow/tfjs-backend-webgpu',
        '@arena/data > fflate',
        '@arena/data > fzstd',
        '@arena/data > hyparquet',
        '@arena/data > hyparquet-compressors',
      ],
    },
    server: { headers, fs: { allow: ['../..', ...(REAL_BASE ? [dirname(REAL_BASE)] : [])] } },
    test: {
      name: `@arena/browser-tests:${name}`,
      include,
      globalSetup: 'test/browser/node-results.ts',
      provide: { ...provide, gemma3: REAL_BASE && `/@fs${REAL_BASE}` },
      testTimeout: 300_000,
      hookTimeout: 60_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        instances: [{ browser: 'chromium' }],
        provider: playwright({ launchOptions: { executablePath: CHROMIUM, args } }),
      },
    },
  };
}
