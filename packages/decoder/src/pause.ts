/** @file Pauses in long work, so that timers, signals and messages are served and an AbortSignal is heard. */

/** Longest stretch without a pause, in milliseconds. */
const STRETCH = 50;

let lastPause = 0;

/**
 * Lets the event loop turn when it has not for a while. Kernels of engine `wasm` keep the thread busy, and a pass over a large model
 * takes minutes.
 * @throws the signal's reason when it is aborted.
 */
export async function pause(signal?: AbortSignal): Promise<void> {
  if (performance.now() - lastPause > STRETCH) {
    await new Promise((resolve) => setTimeout(resolve));
    lastPause = performance.now();
  }
  signal?.throwIfAborted();
}
