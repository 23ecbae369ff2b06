import { join } from 'node:path';
import { defineConfig } from 'vite';

/** With these headers a page may share memory between threads; without them the wasm engine has one. */
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const NAME = '@huggingface/transformers';
/** Where transformers.js is, if it is not installed beside the page: this repository's own install leaves it out. */
const folder = process.env.ARENA_ONNX;

export default defineConfig({
  base: './',
  resolve: { alias: folder ? { [NAME]: join(folder, 'node_modules', NAME, 'dist/transformers.web.js') } : {} },
  worker: { format: 'es' },
  server: { headers },
  preview: { headers },
  build: { target: 'es2022' },
});
