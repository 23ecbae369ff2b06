import { defineConfig } from 'tsup';

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/cuda/index.ts',
    'src/engine/index.ts',
    'src/op/index.ts',
    'src/wasm/index.ts',
    'src/webgpu/index.ts',
  ],
  format: 'esm',
  target: 'es2022',
  dts: { compilerOptions: { ignoreDeprecations: '6.0', noEmit: false } },
  clean: true,
});
