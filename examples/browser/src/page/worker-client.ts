/** @file The page's side of the Worker. */
import type { Argument, Event, Reply, Result, TaskName } from '../protocol.js';

export interface WorkerClient {
  ask<K extends TaskName>(task: K, ...argument: undefined extends Argument<K> ? [] : [Argument<K>]): Promise<Result<K>>;
}

/** Starts the Worker. `onEvent` hears what it tells while it works. */
export function startWorker(onEvent: (event: Event) => void): WorkerClient {
  const worker = new Worker(new URL('../worker/worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let next = 0;
  worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    if ('event' in data) return onEvent(data.event);
    const { resolve, reject } = waiting.get(data.id)!;
    waiting.delete(data.id);
    if (data.error === undefined) resolve(data.result as never);
    else reject(new Error(data.error));
  });
  worker.addEventListener('error', ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(`the worker failed: ${message}`));
    waiting.clear();
  });
  return {
    ask(task, ...[argument]) {
      const id = next++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve: resolve as (value: never) => void, reject });
        worker.postMessage({ id, task, argument });
      });
    },
  };
}
