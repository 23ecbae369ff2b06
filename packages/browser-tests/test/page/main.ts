/** @file A page that a bundler builds: opens engine `wasm` in a Worker, checks an op, and trains on both engines. */
import { startWorker } from '../browser/worker.js';

async function run() {
  const { ask } = startWorker();
  const opened = await ask('open');
  const checked = await ask('check', 'Linear4bit');
  const { loss: wasm } = await ask('train', 'wasm');
  const { loss: cpu } = await ask('train', 'cpu');
  return { opened, passed: checked.length > 0 && checked.every(({ passed }) => passed), wasm, cpu };
}

declare global {
  var result: ReturnType<typeof run>;
}

globalThis.result = run();
