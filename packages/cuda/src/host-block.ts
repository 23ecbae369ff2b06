/** @file Pinned memory of the host, which the device copies from and to on its own. */
import type { Driver } from './driver.js';

/** A block of pinned memory. */
export interface HostBlock {
  pointer: number;
  bytes: Uint8Array;
}

export function hostBlock(driver: Driver, length: number): HostBlock {
  const out = new BigUint64Array(1);
  driver.call('cuMemHostAlloc', out, length, 0);
  const pointer = Number(out[0]);
  return { pointer, bytes: new Uint8Array(driver.koffi.view(pointer, length)) };
}

/** Its `bytes` must not be touched any more. */
export function freeHostBlock(driver: Driver, { pointer }: HostBlock): void {
  driver.result('cuMemFreeHost', pointer);
}
