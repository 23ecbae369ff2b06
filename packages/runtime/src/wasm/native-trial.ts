/** @file Tries out a native library before the engine uses it: its results, and whether it is faster. */
import type { NativeProducts } from './native.js';
import { Trial } from './trial.js';

/** Time until V8 has optimised a product, and the library has made its own code. */
const WARM_UP_MS = 25;
/** Turns of the timing, and milliseconds of each. */
const [ROUNDS, ROUND_MS] = [4, 5];
/** Largest error of the trial's sums, which are below 300: libraries add in other orders. */
const TOLERANCE = 1e-3;
/** The same with factors of 8 significant bits. Their rounding errors add up to about 0.05. */
const HALF_TOLERANCE = 0.5;

/**
 * Tries out a library. One whose products of bfloat16 are wrong or slower here may still be used in float32.
 * @returns the library to use, if any, and the reason against what was asked for.
 */
export function triedNative(native: NativeProducts): { library?: NativeProducts; reason?: string } {
  const reason = refusal(native);
  if (reason === undefined) return { library: native };
  const single = { ...native, bf16: false };
  return native.bf16 && refusal(single) === undefined ? { library: single, reason } : { reason };
}

/**
 * Compares products of the library with those of the build without relaxed SIMD, and their speed.
 * @returns the reason against the library, or undefined when it is right and faster.
 */
function refusal(native: NativeProducts): string | undefined {
  const { name, bf16 } = native;
  const ordinary = new Trial({});
  const plain = new Trial({ relaxed: false });
  const single = new Trial({ native: { ...native, bf16: false } });
  const trials = bf16 ? [single, new Trial({ native })] : [single];
  try {
    for (const [i, trial] of trials.entries()) {
      for (const transposeB of [false, true]) {
        const want = plain.product(transposeB);
        const error = trial.product(transposeB).reduce((most, x, j) => Math.max(most, Math.abs(x - want[j])), 0);
        const allowed = i ? HALF_TOLERANCE : TOLERANCE;
        if (!(error <= allowed)) return `${name} is not used: a product was wrong by ${error}`;
      }
    }
    const timed = [ordinary, ...trials];
    for (const trial of timed) trial.fastest(WARM_UP_MS);
    // in turn, so that other work on the machine meets all of them
    const rounds = Array.from({ length: ROUNDS }, () => timed.map((trial) => trial.fastest(ROUND_MS)));
    const [without, ...times] = timed.map((_, i) => Math.min(...rounds.map((round) => round[i])));
    if (!(times[0] < without))
      return `${name} is not used: a product took ${(times[0] / without).toFixed(1)} times as long`;
    if (bf16 && !(times[1] < times[0]))
      return `${name} is not used in bfloat16: such a product took ${(times[1] / times[0]).toFixed(1)} times as long as in float32`;
    return undefined;
  } catch (error) {
    return `${name} is not used: ${(error as Error).message}`;
  }
}
