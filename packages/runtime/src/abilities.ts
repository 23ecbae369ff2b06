/** @file What an open engine can do beyond tfjs's backends, asked of it and not guessed from its class. */
import { engine, type TensorInfo } from '@tensorflow/tfjs-core';
import type { OpTime } from './op-time.js';

/** Each is absent where the engine cannot do it. */
export interface Abilities {
  /** Moves a tensor out of the engine's own memory until it is used next. */
  evict?(tensor: TensorInfo): void;
  /** Keeps a large float32 tensor in half its memory, rounded to bfloat16, until it is used next; may be off for the moment. */
  halve?(tensor: TensorInfo): void;
  /** Times kernels by the device's own clock. */
  times?: {
    /** @throws EngineError when kernels are being timed already, or the device has no timestamps. */
    startTimes(): void;
    /** Calls and time by the kernels' names. */
    stopTimes(): Promise<ReadonlyMap<string, OpTime>>;
  };
}

const known = new WeakMap<object, Abilities>();

/** Enters what the engine of a backend can do: called by the code that opens it. */
export function setAbilities(backend: object, abilities: Abilities): void {
  known.set(backend, abilities);
}

/** Of the engine that is open. */
export function currentAbilities(): Abilities {
  return known.get(engine().backend) ?? {};
}
