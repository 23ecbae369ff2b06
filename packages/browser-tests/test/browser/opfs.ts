/** @file The page's side of opfs.worker.ts. */
import type { OpfsRequest } from './opfs.worker.js';

export class OpfsWorker {
  private readonly worker = new Worker(new URL('./opfs.worker.ts', import.meta.url), { type: 'module' });

  /** One request at a time. */
  ask(request: OpfsRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data: { result, error } }) => (error ? reject(new Error(error)) : resolve(result));
      this.worker.onerror = ({ message }) => reject(new Error(`the worker failed: ${message}`));
      this.worker.postMessage(request);
    });
  }

  terminate(): void {
    this.worker.terminate();
  }
}
