import { defineConfig } from 'tsup';

/**
 * How every package is built: one file a module, so that a bundler leaves out the modules that nothing imports. The types
 * come from `tsc`, see `build` in a package's manifest.
 */
export default defineConfig({
  entry: ['src/**/*.ts', '!src/**/*.as.ts'],
  bundle: false,
  format: 'esm',
  target: 'es2022',
  clean: true,
  silent: true,
});
