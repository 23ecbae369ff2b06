/** @file Where the time of a stretch of work goes: by fused op on the host's clock, on engines `cuda` and `webgpu` by kernel on the GPU's. */
import { currentAbilities } from './abilities.js';
import { observeOps } from './op.js';
import { addTime, type OpTime } from './op-time.js';

/** A running measurement. */
export interface Profile {
  /** `host`: time that the call took; `gpu`: time between the GPU's own timestamps around a kernel. */
  clock: 'host' | 'gpu';
  /** Ends it, and gives the ops by falling time. */
  stop(): Promise<OpTime[]>;
}

/**
 * Watches every fused op on the current engine. On engine `webgpu`, whose calls only record work, each kernel is timed by
 * the device, in a compute pass of its own; that makes the whole slower, and ops of tfjs itself are not seen. On engine `cuda` each is timed by the
 * device too, tfjs's own ops included.
 * @throws EngineError when the GPU has no timestamps, or is being watched already.
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
