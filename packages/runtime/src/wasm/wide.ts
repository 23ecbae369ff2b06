/**
 * @file Checks whether the build for 256-bit vectors helps. WebAssembly has 128-bit vectors; an experimental V8 flag
 * pairs neighbouring instructions of optimised code. V8 guarantees neither the pairing nor its correctness, so both are
 * tested first.
 */
import { EngineError } from '../error.js';
import { nodeMajor } from './module.js';
import { TRIAL_TOLERANCE, Trial } from './trial.js';

const LEAST_NODE = 24;
/** Time until V8 has optimised the product. */
const WARM_UP_MS = 150;
/** Least ratio of the two builds' times. */
const LEAST_GAIN = 1.1;

/** Whether this is a Node with the flag. */
export function hasWide(): boolean {
  return (nodeMajor() ?? 0) >= LEAST_NODE;
}

/** @throws EngineError when the flag is not available. */
export function requireWide(): void {
  if (hasWide()) return;
  const major = nodeMajor();
  const here = major === undefined ? 'a browser' : `Node ${process.versions.node}`;
  throw new EngineError(
    'unavailable',
    `256-bit vectors (wide) need Node ${LEAST_NODE} or later, and this is ${here}: leave the option out`,
  );
}

/**
 * Compares a product of the build for 256-bit vectors with the ordinary one in time (half a second), and with the build
 * without relaxed SIMD in result.
 * @returns the reason against it, or undefined when it is faster and right.
 */
export function wideRefusal(): string | undefined {
  const ordinary = new Trial({});
  ordinary.fastest(WARM_UP_MS); // optimised without the flag
  const wide = new Trial({ wide: true });
  const plain = new Trial({ relaxed: false });
  try {
    wide.fastest(WARM_UP_MS);
    const times = [0, 1, 2, 3].map(() => [ordinary.fastest(20), wide.fastest(20)]);
    const [before, after] = [0, 1].map((i) => Math.min(...times.map((pair) => pair[i])));
    const unused = 'the ordinary build runs instead of the one for 256-bit vectors';
    if (!(before / after >= LEAST_GAIN)) {
      return `${unused}: a product was ${(before / after).toFixed(2)} times as fast, less than ${LEAST_GAIN}`;
    }
    for (const transposeB of [false, true]) {
      const want = plain.product(transposeB);
      const error = wide.product(transposeB).reduce((most, x, i) => Math.max(most, Math.abs(x - want[i])), 0);
      if (!(error <= TRIAL_TOLERANCE)) return `${unused}: a product was wrong by ${error}`;
    }
    return undefined;
  } finally {
    wide.dispose();
  }
}
