/** @file A small seeded generator (sfc32), equal on every machine. */

/** Gives whole numbers 0 <= x < 2^32. */
export type RandomBits = () => number;

/** A generator from a whole-number seed; `stream` gives independent ones from one seed. */
export function seededRandom(seed: number, stream = 0): RandomBits {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = stream | 0;
  let counter = 1;
  const next = () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 20; i++) next();
  return next;
}

/** A whole number 0 <= x < `below` (at most 2^21, where its bias stays under 2^-11 of a percent). */
export function randomBelow(random: RandomBits, below: number): number {
  return Math.floor((random() / 2 ** 32) * below);
}
