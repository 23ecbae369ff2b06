import { defineConfig } from 'tsup';

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/clean/index.ts',
    'src/describe/index.ts',
    'src/pack/index.ts',
    'src/read/index.ts',
    'src/split/index.ts',
  ],
  format: 'esm',
  external: ['#csv-parse'], // left to the user's runtime or bundler: see imports in package.json
  target: 'es2022',
  dts: { compilerOptions: { ignoreDeprecations: '6.0', noEmit: false } },
  clean: true,
});
