import { defineConfig } from 'vitest/config';
import { browserProjects } from './packages/browser-tests/chromium.js';

export default defineConfig({
  test: {
    projects: ['packages/*', 'tools', ...browserProjects()],
    reporters: ['default', './tools/count-reporter.mjs'],
    maxWorkers: 2,
  },
});
