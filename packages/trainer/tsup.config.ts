import { defineConfig } from 'tsup';

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/checkpoint/index.ts',
    'src/optimizer/index.ts',
    'src/ranks/index.ts',
    'src/tensorboard/index.ts',
  ],
  format: 'esm',
  target: 'es2022',
  dts: { compilerOptions: { ignoreDeprecations: '6.0', noEmit: false } },
  clean: true,
});
