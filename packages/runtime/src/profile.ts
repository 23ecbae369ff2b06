/**
 * @file Profiles a stretch of work: by fused op on the host's clock, on engines `cuda` and `webgpu` by kernel on the
 * GPU's.
 */
import { currentAbilities } from './abilities.js';
import { observeOps } from './op.js';
import { addTime, type OpTime } from './op-time.js';

/** A running measurement. */
export interface Profile {
  /** `host`: time of the call; `gpu`: time between the GPU's timestamps around a kernel. */
  clock: 'host' | 'gpu';
  /** Ends it. @returns the ops by time, longest first. */
  stop(): Promise<OpTime[]>;
}

/**
 * Observes every fused op on the current engine. Calls of engine `webgpu` only record work, so the device times each
 * kernel in its own compute pass. That is slower, and misses tfjs's own ops. On engine `cuda` the device times each
 * kernel, including tfjs's own ops.
 * @throws EngineError when the GPU has no timestamps; Error when a profile runs already.
 */
export function startProfile(): Profile {
  const { times: device } = currentAbilities();
  if (device) {
    device.startTimes();
    return { clock: 'gpu', stop: async () => sorted(await device.stopTimes()) };
  }
  const times = new Map<string, OpTime>();
  observeOps((name, milliseconds) => addTime(times, name, milliseconds));
  return {
    clock: 'host',
    async stop() {
      observeOps(null);
      return sorted(times);
    },
  };
}

function sorted(times: ReadonlyMap<string, OpTime>): OpTime[] {
  return [...times.values()].sort((a, b) => b.milliseconds - a.milliseconds);
}
