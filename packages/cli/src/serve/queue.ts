/** @file Battles that wait to be scored: a bounded queue before one scorer, which takes several at a time. */
import type { Battle } from '@arena/data';

/** P(A is preferred) of each battle. */
export type Score = (battles: Battle[], signal: AbortSignal) => Promise<number[]>;

/** The queue is full: try again later. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull';
}

interface Job {
  battles: Battle[];
  /** Aborts when the client has gone or its time is over. */
  signal: AbortSignal;
  resolve: (probabilities: number[]) => void;
  reject: (error: Error) => void;
}

export interface QueueOptions {
  /** Battles that may wait, those being scored left aside. */
  most: number;
  /** Battles scored together. */
  together: number;
}

/** First come, first served; jobs are kept whole, and what was abandoned is not scored. */
export class PredictionQueue {
  readonly #jobs: Job[] = [];
  readonly #stop = new AbortController();
  #waiting = 0;
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(
    private readonly score: Score,
    private readonly options: QueueOptions,
  ) {}

  /** Battles that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Adds battles and gives their probabilities. @throws QueueFull when they do not fit behind those that wait. */
  async add(battles: Battle[], signal: AbortSignal): Promise<number[]> {
    if (this.#closed) throw new QueueFull('shutting down');
    if (this.#waiting > 0 && this.#waiting + battles.length > this.options.most) {
      throw new QueueFull(`${this.#waiting} battles wait already`);
    }
    signal.throwIfAborted();
    const done = new Promise<number[]>((resolve, reject) => {
      const job = { battles, signal, resolve, reject };
      this.#jobs.push(job);
      this.#waiting += battles.length;
      signal.addEventListener('abort', () => this.#drop(job), { once: true });
    });
    this.#working ??= this.#work();
    return done;
  }

  /** Takes no more, finishes what waits, and resolves. With `now`, what waits is given up. */
  async close(now = false): Promise<void> {
    this.#closed = true;
    if (now) {
      for (const job of [...this.#jobs]) this.#drop(job);
      this.#stop.abort(new Error('the server was stopped'));
    }
    await this.#working;
  }

  #drop(job: Job): void {
    const at = this.#jobs.indexOf(job);
    if (at >= 0) {
      this.#jobs.splice(at, 1);
      this.#waiting -= job.battles.length;
    }
    job.reject(job.signal.reason ?? new Error('the server was stopped'));
  }

  async #work(): Promise<void> {
    await new Promise(setImmediate); // requests that came together are scored together
    while (this.#jobs.length) {
      const jobs = this.#take();
      try {
        const all = await this.score(
          jobs.flatMap(({ battles }) => battles),
          this.#stop.signal,
        );
        let from = 0;
        for (const { battles, resolve } of jobs) {
          resolve(all.slice(from, from + battles.length));
          from += battles.length;
        }
      } catch (error) {
        for (const { reject } of jobs) reject(error as Error);
      }
      await new Promise(setImmediate); // lets waiting connections in between two batches
    }
    this.#working = undefined;
  }

  /** The next jobs: at least one, and as many as may be scored together. */
  #take(): Job[] {
    const taken: Job[] = [];
    let count = 0;
    while (this.#jobs.length && (count === 0 || count + this.#jobs[0].battles.length <= this.options.together)) {
      const job = this.#jobs.shift()!;
      taken.push(job);
      count += job.battles.length;
    }
    this.#waiting -= count;
    return taken;
  }
}
