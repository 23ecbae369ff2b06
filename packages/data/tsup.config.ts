import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts'],
  format: 'esm',
  external: ['#csv-parse'], // left to the user's runtime or bundler: see imports in package.json
  target: 'es2022',
  dts: { compilerOptions: { ignoreDeprecations: '6.0', noEmit: false } },
  clean: true,
});
