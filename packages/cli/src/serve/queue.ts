/** @file A bounded queue of battles before one scorer, which takes several at a time. */
import type { Battle } from '@arena/data';
import type { Answer } from '../predict/answer.js';

/** Scores each battle. */
export type Score = (battles: Battle[], signal: AbortSignal) => Promise<Answer[]>;

/** The queue is full: try again later. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull';
}

interface Job {
  battles: Battle[];
  /** Aborts when the client disconnects or its time is over. */
  signal: AbortSignal;
  resolve: (answers: Answer[]) => void;
  reject: (error: Error) => void;
}

export interface QueueOptions {
  /** Battles that may wait, not counting those being scored. */
  most: number;
  /** Battles scored together. */
  together: number;
}

/** First come, first served. Jobs stay whole; abandoned jobs are not scored. */
export class PredictionQueue {
  private readonly jobs: Job[] = [];
  private readonly stop = new AbortController();
  private count = 0;
  private working: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly score: Score,
    private readonly options: QueueOptions,
  ) {}

  /** Number of waiting battles. */
  get waiting(): number {
    return this.count;
  }

  /** Adds battles and gives their answers. @throws QueueFull when they do not fit into the queue. */
  async add(battles: Battle[], signal: AbortSignal): Promise<Answer[]> {
    if (this.closed) throw new QueueFull('shutting down');
    if (this.count > 0 && this.count + battles.length > this.options.most) {
      throw new QueueFull(`${this.count} battles wait already`);
    }
    signal.throwIfAborted();
    const done = new Promise<Answer[]>((resolve, reject) => {
      const job = { battles, signal, resolve, reject };
      this.jobs.push(job);
      this.count += battles.length;
      signal.addEventListener('abort', () => this.drop(job), { once: true });
    });
    this.working ??= this.work();
    return done;
  }

  /** Takes no more jobs, finishes the waiting ones, and resolves. With `now`, drops the waiting ones. */
  async close(now = false): Promise<void> {
    this.closed = true;
    if (now) {
      for (const job of [...this.jobs]) this.drop(job);
      this.stop.abort(new Error('the server was stopped'));
    }
    await this.working;
  }

  private drop(job: Job): void {
    const at = this.jobs.indexOf(job);
    if (at >= 0) {
      this.jobs.splice(at, 1);
      this.count -= job.battles.length;
    }
    job.reject(job.signal.reason ?? new Error('the server was stopped'));
  }

  private async work(): Promise<void> {
    await new Promise(setImmediate); // scores requests together that arrive together
    while (this.jobs.length) {
      const jobs = this.take();
      try {
        const all = await this.score(
          jobs.flatMap(({ battles }) => battles),
          this.stop.signal,
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
    this.working = undefined;
  }

  /** The next jobs: at least one, and as many as may be scored together. */
  private take(): Job[] {
    const taken: Job[] = [];
    let count = 0;
    while (this.jobs.length && (count === 0 || count + this.jobs[0].battles.length <= this.options.together)) {
      const job = this.jobs.shift()!;
      taken.push(job);
      count += job.battles.length;
    }
    this.count -= count;
    return taken;
  }
}
