/** @file Encoding in worker threads (Node): each has its own tokenizer, and every call gets its results in its order. */

import { TokenizerError } from './error.js';
import type { SentencePieceVocabulary } from './sentencepiece-vocabulary.js';
import type { EncodeOptions } from './tokenizer.js';

/** Tokenizers in threads. */
export interface EncoderPool {
  /** Token ids of each text, as `Tokenizer.encode` gives them; calls that are made together run side by side. */
  encode(texts: string[], options?: EncodeOptions): Promise<Int32Array[]>;
  /** Ends the threads; calls that are not done are rejected. */
  close(): Promise<void>;
}

/** How to open a pool. */
export interface EncoderPoolOptions {
  /** Threads. Default: one less than the machine runs at once, at least 1. Each takes the memory of a tokenizer. */
  workers?: number;
  /** Where a thread finds this package; needed where a bundler has moved it. */
  module?: string | URL;
}

interface Job {
  resolve(ids: Int32Array[]): void;
  reject(error: Error): void;
}

/** What a thread sends back: the ids of all texts with the end of each, or what went wrong. */
interface Answer {
  ids: Int32Array;
  ends: Int32Array;
  message?: string;
  code: TokenizerError['code'];
}

/** What a thread runs; it is handed over as text, so that there is no second file for bundlers to find. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const ready = import(workerData.module).then(({ loadTokenizer, sentencePieceTokenizer }) =>
  workerData.source.tokens ? sentencePieceTokenizer(workerData.source) : loadTokenizer(workerData.source));
ready.catch(() => {}); // told with the first answer
parentPort.on('message', async ({ texts, options }) => {
  try {
    const tokenizer = await ready;
    const parts = texts.map((text) => tokenizer.encode(text, options));
    const ids = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
    const ends = new Int32Array(parts.length);
    let at = 0;
    parts.forEach((part, i) => {
      ids.set(part, at);
      ends[i] = at += part.length;
    });
    parentPort.postMessage({ ids, ends }, [ids.buffer, ends.buffer]);
  } catch (error) {
    parentPort.postMessage({ message: error.message, code: error.name === 'TokenizerError' ? error.code : 'thread' });
  }
});
`;

/**
 * Opens threads that encode with the tokenizer of a tokenizer.json, or of the vocabulary that a GGUF file holds.
 *
 * @param source the text or bytes of a tokenizer.json, or a vocabulary
 * @throws TokenizerError outside Node, and for a number of threads that is none; what is wrong with the file is told by
 *   `encode`
 * @example
 * ```ts
 * const pool = openEncoderPool(await readFile('gemma-2-2b/tokenizer.json'), { workers: 4 });
 * const [some, more] = await Promise.all([pool.encode(someTexts), pool.encode(moreTexts)]);
 * await pool.close();
 * ```
 */
export function openEncoderPool(
  source: string | Uint8Array | SentencePieceVocabulary,
  options: EncoderPoolOptions = {},
): EncoderPool {
  const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads');
  const os = globalThis.process?.getBuiltinModule?.('node:os');
  if (!threads || !os)
    throw new TokenizerError('unsupported', 'openEncoderPool: threads are there in Node (20.19 or later) only');
  const { workers = Math.max(1, os.availableParallelism() - 1), module = new URL('./index.js', import.meta.url) } =
    options;
  if (!(Number.isInteger(workers) && workers > 0))
    throw new TokenizerError('argument', `openEncoderPool: workers ${workers} is not a positive whole number`);

  const pool = Array.from({ length: workers }, () => {
    const worker = new threads.Worker(THREAD, { eval: true, workerData: { source, module: String(module) } });
    const jobs: Job[] = []; // a thread answers in the order in which it is asked
    const thread: { worker: typeof worker; jobs: Job[]; failure: Error | null } = { worker, jobs, failure: null };
    const fail = (error: Error) => {
      thread.failure ??= error;
      for (const job of jobs.splice(0)) job.reject(thread.failure);
    };
    worker.unref();
    worker.on('error', (error) =>
      fail(new TokenizerError('thread', `openEncoderPool: a thread failed (${error.message})`)),
    );
    worker.on('exit', () =>
      fail(new TokenizerError('thread', 'openEncoderPool: a thread ended before its work was done')),
    );
    worker.on('message', ({ ids, ends, message, code }: Answer) => {
      const job = jobs.shift()!;
      if (jobs.length === 0) worker.unref();
      if (message !== undefined) job.reject(new TokenizerError(code, message));
      else job.resolve([...ends].map((end, i) => ids.subarray(i === 0 ? 0 : ends[i - 1], end)));
    });
    return thread;
  });

  return {
    encode(texts, encodeOptions = {}) {
      const thread = pool.reduce((least, one) => (one.jobs.length < least.jobs.length ? one : least));
      if (thread.failure) return Promise.reject(thread.failure);
      return new Promise((resolve, reject) => {
        thread.jobs.push({ resolve, reject });
        thread.worker.ref(); // a process with work to wait for goes on
        thread.worker.postMessage({ texts, options: encodeOptions });
      });
    },
    async close() {
      await Promise.all(pool.map(({ worker }) => worker.terminate()));
    },
  };
}
