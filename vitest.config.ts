import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { projects: ['packages/*'], reporters: ['default', './tools/count-reporter.mjs'], maxWorkers: 2 },
});
