import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/card/index.ts', 'src/run/index.ts', 'src/settings/index.ts', 'src/votes/index.ts'],
  format: 'esm',
  target: 'es2022',
  dts: { compilerOptions: { ignoreDeprecations: '6.0', noEmit: false } },
  clean: true,
});
