/** @file Abilities of an open engine beyond tfjs's backends. */
import { engine, type TensorInfo } from '@tensorflow/tfjs-core';
import type { OpTime } from './op-time.js';

/** Each is absent where the engine cannot do it. */
export interface Abilities {
  /** Moves a tensor out of the engine's memory until its next use. */
  evict?(tensor: TensorInfo): void;
  /** Keeps a large float32 tensor in half its memory, rounded to bfloat16, until its next use. May be off for now. */
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

/** Registers the abilities of a backend's engine. The code that opens the engine calls it. */
export function setAbilities(backend: object, abilities: Abilities): void {
  known.set(backend, abilities);
}

/** Abilities of the open engine. */
export function currentAbilities(): Abilities {
  return known.get(engine().backend) ?? {};
}
