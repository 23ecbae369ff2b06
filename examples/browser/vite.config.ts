import { defineConfig } from 'vite';

/** With these headers a page may share memory between threads; without them the wasm engine has one. */
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default defineConfig({
  base: './',
  worker: { format: 'es' },
  server: { headers },
  preview: { headers },
  build: { target: 'es2022' },
});
