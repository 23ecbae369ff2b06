/** @file The page's side of the Worker. */
import type { Argument, Event, Reply, Result, TaskName } from '../protocol.js';

export interface WorkerClient {
  ask<K extends TaskName>(task: K, ...argument: undefined extends Argument<K> ? [] : [Argument<K>]): Promise<Result<K>>;
}

/**
 * Starts the Worker. `onEvent` hears what it tells while it works, `onEnd` that it cannot go on: its script did not load, or
 * something in it failed outside of a task. From then on every task fails.
 */
export function startWorker(onEvent: (event: Event) => void, onEnd: (error: Error) => void): WorkerClient {
  const worker = new Worker(new URL('../worker/worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let next = 0;
  let ended: Error | undefined;
  worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    if ('event' in data) return onEvent(data.event);
    const { resolve, reject } = waiting.get(data.id)!;
    waiting.delete(data.id);
    if (data.error === undefined) resolve(data.result as never);
    else reject(new Error(data.error));
  });
  const end = (why: string) => {
    ended = new Error(
      `The page's Worker has ended (${why}): load the page again. A run that was kept goes on from there.`,
    );
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
    onEnd(ended);
  };
  worker.addEventListener('error', ({ message }) => end(message || 'its script could not be loaded'));
  worker.addEventListener('messageerror', () => end('a message could not be read'));
  return {
    ask(task, ...[argument]) {
      if (ended) return Promise.reject(ended);
      const id = next++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve: resolve as (value: never) => void, reject });
        worker.postMessage({ id, task, argument });
      });
    },
  };
}
