import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const PACKAGES = fileURLToPath(new URL('./packages', import.meta.url));

/** What every package's tests share: workspace packages resolve to their sources, so that a test needs no build of them. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^@arena\/([a-z]+)$/, replacement: `${PACKAGES}/$1/src/index.ts` },
      { find: /^@arena\/([a-z]+)\/([a-z]+)$/, replacement: `${PACKAGES}/$1/src/$2/index.ts` },
    ],
  },
  test: { include: ['test/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, pool: 'forks' },
});
