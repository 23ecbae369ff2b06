/** @file How long each kernel takes, by the GPU's clock: an event before it and one after it. */
import { addTime, type OpTime } from '@arena/runtime/op';
import type { Driver } from './driver.js';

/** Most calls in flight before their times are read. */
const MOST = 4096;

/** Times the calls on one stream, from construction until {@link KernelTimes.stop}. */
export class KernelTimes {
  private readonly times = new Map<string, OpTime>();
  private readonly spare: number[] = [];
  private calls: { name: string; start: number; end: number }[] = [];
  private readonly out = new BigUint64Array(1);
  private readonly milliseconds = new Float32Array(1);

  constructor(
    private readonly driver: Driver,
    private readonly stream: number,
  ) {}

  /** Times what `queue` puts on the stream. */
  measure(name: string, queue: () => void): void {
    const [start, end] = [this.event(), this.event()];
    this.driver.call('cuEventRecord', start, this.stream);
    queue();
    this.driver.call('cuEventRecord', end, this.stream);
    this.calls.push({ name, start, end });
    if (this.calls.length >= MOST) this.collect();
  }

  /** Waits for the calls in flight, and returns the times by name. */
  stop(): Map<string, OpTime> {
    this.collect();
    for (const event of this.spare.splice(0)) this.driver.call('cuEventDestroy_v2', event);
    return this.times;
  }

  private collect(): void {
    this.driver.call('cuStreamSynchronize', this.stream);
    for (const { name, start, end } of this.calls) {
      this.driver.call('cuEventElapsedTime', this.milliseconds, start, end);
      addTime(this.times, name, this.milliseconds[0]);
      this.spare.push(start, end);
    }
    this.calls = [];
  }

  private event(): number {
    const known = this.spare.pop();
    if (known !== undefined) return known;
    this.driver.call('cuEventCreate', this.out, 0);
    return Number(this.out[0]);
  }
}
