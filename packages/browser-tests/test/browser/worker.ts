/** @file The page's side of engine.worker.ts. */
import type { Tasks } from './engine.worker.js';

/** Starts the Worker. `ask` runs a task there, one at a time. */
export function startWorker() {
  const worker = new Worker(new URL('./engine.worker.ts', import.meta.url), { type: 'module' });
  const ask = <K extends keyof Tasks>(task: K, ...[argument]: Parameters<Tasks[K]>): ReturnType<Tasks[K]> => {
    const answer = new Promise((resolve, reject) => {
      worker.onmessage = ({ data: { result, error } }) => (error ? reject(new Error(error)) : resolve(result));
      worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
    });
    worker.postMessage({ task, argument });
    return answer as ReturnType<Tasks[K]>;
  };
  return { ask, terminate: () => worker.terminate() };
}
