import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { hosting, output } from './hosting.js';

/** With these headers a page may share memory between threads; without them the wasm engine has one. A built page's service worker sets them, too. */
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  base: './',
  plugins: [hosting()],
  worker: { format: 'es' },
  server: { headers },
  preview: { headers },
  build: {
    target: 'es2022',
    rolldownOptions: { input: { index: at('index.html'), 'service-worker': at('src/service-worker.ts') }, output },
  },
});
