/** @file What people do with a release: each case is an empty folder, what is installed, files, and commands with what they have to say. */

/** Five imports, and what they do. */
const FIVE = `
import { syntheticBattles } from '@arena/data';
import { accuracy } from '@arena/eval/metrics';
import { quantize4bit } from '@arena/quant';
import { serialize } from '@arena/safetensors';
import { trainBpe } from '@arena/tokenizer';

const { codes, absmax } = quantize4bit(Float32Array.from({ length: 64 }, (_, i) => i - 32), [64]);
const file = serialize([{ name: 'codes', dtype: 'U8', shape: [32], data: codes }]);
console.log(absmax[0], file.length, typeof syntheticBattles, accuracy([0.9, 0.2], [1, 1]), typeof trainBpe);
`;
const FIVE_SAID = '32 136 function 0.5 function'; // 8 bytes of length, 96 of header, 32 of codes
const FIVE_PACKAGES = ['data', 'eval', 'quant', 'safetensors', 'tokenizer'].map((name) => `@arena/${name}`);

/** Trains a tiny judge and asks it. */
const JUDGE = `
import { cleanBattles, syntheticBattles } from '@arena/data';
import { bytesFolder } from '@arena/files';
import { memoryStore, tinyBaseFor, trainJudge } from '@arena/judge';
import { openBase } from '@arena/judge/run';
import { splitVotes } from '@arena/judge/votes';
import { openEngine } from '@arena/runtime';

export async function judge() {
  const engine = await openEngine('wasm');
  const { battles } = cleanBattles(syntheticBattles({ count: 200, seed: 1 }));
  const base = await openBase(bytesFolder(tinyBaseFor(battles)), 'a tiny base');
  const settings = { base: base.name, data: ['made-up'], frame: 'compact', maxTokens: 256, firstLayer: 1, maxSteps: 4 };
  const { judge } = await trainJudge({ parts: splitVotes(battles, { seed: 42 }) }, settings, memoryStore(), { base });
  const { probabilityA } = await judge.predict({ prompt: 'Why?', responseA: 'Because.', responseB: 'No idea.' });
  await judge.dispose();
  engine.dispose();
  return 'P(A) between 0 and 1: ' + (probabilityA > 0 && probabilityA < 1);
}
`;
const JUDGE_SAID = 'P(A) between 0 and 1: true';
const JUDGE_PACKAGES = ['@arena/data', '@arena/files', '@arena/judge', '@arena/runtime', '@tensorflow/tfjs-core'];
const WORKER = `import { judge } from './judge.js';\njudge().then(postMessage, (error) => postMessage(String(error)));\n`;
const PAGE = `
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
worker.onmessage = ({ data }) => { document.body.textContent = data; };
`;
const QUICKSTART = { command: 'npx -y @arena/cli quickstart', says: 'The model is right on' };

/** @typedef {{ command: string, says?: string | RegExp }} Step */
/** @typedef {{ name: string, node?: string, install?: string[], files?: Record<string, string>, steps: Step[], page?: string, measure?: string }} Case */

/** @type {Case[]} */
export const CASES = [
  ...['20', '22', '24'].map((node) => ({
    name: `npx @arena/cli quickstart, Node ${node}`,
    node,
    steps: [QUICKSTART],
    measure: '_npx',
  })),
  {
    name: '@arena/quant alone',
    install: ['@arena/quant'],
    files: {
      'app.mjs': `import { quantize4bit } from '@arena/quant';\nconsole.log(quantize4bit(new Float32Array(64).fill(2), [64]).absmax[0]);\n`,
    },
    steps: [{ command: 'node app.mjs', says: '2' }],
  },
  ...['20', '22', '24'].map((node) => ({
    name: `five imports and a judge, Node ${node}`,
    node,
    install: [...FIVE_PACKAGES, ...JUDGE_PACKAGES],
    files: {
      'five.mjs': FIVE,
      'judge.js': JUDGE,
      'main.mjs': `import { judge } from './judge.js';\nconsole.log(await judge());\n`,
    },
    steps: [
      { command: 'node five.mjs', says: FIVE_SAID },
      { command: 'node main.mjs', says: JUDGE_SAID },
    ],
  })),
  {
    name: 'Vite 8',
    install: [...JUDGE_PACKAGES, 'vite@8'],
    files: {
      'judge.js': JUDGE,
      'worker.js': WORKER,
      'main.js': PAGE,
      'index.html':
        '<!doctype html><title>Vite</title><body>waiting</body><script type="module" src="/main.js"></script>',
      'vite.config.js': `export default { worker: { format: 'es' } };\n`,
    },
    steps: [{ command: 'npx vite build', says: 'built in' }],
    page: 'dist',
  },
  {
    name: 'webpack 5',
    install: [...JUDGE_PACKAGES, 'webpack@5', 'webpack-cli@6'],
    files: {
      'judge.js': JUDGE,
      'worker.js': WORKER,
      'main.js': PAGE,
      'dist/index.html': '<!doctype html><title>webpack</title><body>waiting</body><script src="main.js"></script>',
      'webpack.config.js': `export default { mode: 'production', entry: './main.js', performance: { hints: false } };\n`,
    },
    steps: [{ command: 'npx webpack', says: /compiled successfully|compiled with \d+ warning/ }],
    page: 'dist',
  },
  {
    name: 'Next 16, in a Worker and in a route',
    install: [...JUDGE_PACKAGES, 'next@16', 'react@19', 'react-dom@19'],
    files: {
      'lib/judge.js': JUDGE,
      'lib/worker.js': WORKER,
      'app/layout.jsx': `export default function Layout({ children }) {\n  return <html lang="en"><body>{children}</body></html>;\n}\n`,
      'app/page.jsx': `'use client';
import { useEffect, useState } from 'react';

export default function Page() {
  const [said, setSaid] = useState('waiting');
  useEffect(() => {
    const worker = new Worker(new URL('../lib/worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => setSaid(data);
    return () => worker.terminate();
  }, []);
  return <p>{said}</p>;
}
`,
      'app/api/judge/route.js': `import { judge } from '../../../lib/judge.js';

export const dynamic = 'force-dynamic';
export async function GET() {
  return new Response(await judge());
}
`,
      'next.config.mjs': `export default { serverExternalPackages: ['@arena/judge', '@arena/runtime', '@arena/data', '@arena/files'] };\n`,
      'ask.mjs': `import { spawn } from 'node:child_process';

const server = spawn('npx', ['next', 'start', '-p', '3210'], { detached: true, stdio: 'ignore' });
try {
  for (let i = 0; ; i++) {
    const response = await fetch('http://localhost:3210/api/judge').catch(() => undefined);
    if (response?.ok) { console.log(await response.text()); break; }
    if (response || i > 60) { console.log('failed', response?.status, await response?.text()); break; }
    await new Promise((done) => setTimeout(done, 500));
  }
} finally {
  process.kill(-server.pid);
}
`,
    },
    steps: [
      { command: 'npx next build', says: '/api/judge' },
      { command: 'node ask.mjs', says: JUDGE_SAID },
    ],
  },
  {
    name: 'Deno 2',
    install: [...FIVE_PACKAGES, ...JUDGE_PACKAGES, 'deno@2'],
    files: {
      'five.mjs': FIVE,
      'judge.js': JUDGE,
      'main.mjs': `import { judge } from './judge.js';\nconsole.log(await judge());\n`,
    },
    steps: [
      { command: 'npx deno run -A five.mjs', says: FIVE_SAID },
      { command: 'npx deno run -A main.mjs', says: JUDGE_SAID },
    ],
  },
  {
    name: 'Bun 1',
    install: [...FIVE_PACKAGES, ...JUDGE_PACKAGES, 'bun@1'],
    files: {
      'five.mjs': FIVE,
      'judge.js': JUDGE,
      'main.mjs': `import { judge } from './judge.js';\nconsole.log(await judge());\n`,
    },
    steps: [
      { command: 'npx bun run five.mjs', says: FIVE_SAID },
      { command: 'npx bun run main.mjs', says: JUDGE_SAID },
    ],
  },
];

export { JUDGE_SAID as PAGE_SAID };
