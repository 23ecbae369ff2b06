/** @file A result that several constants are taken from. */

/** One result for constants that are written one after the other; the last of `takers` lets it go. */
export function once<T>(make: () => Promise<T>, takers: number): () => Promise<T> {
  let made: Promise<T> | undefined;
  let taken = 0;
  return () => {
    const result = (made ??= make());
    taken = (taken + 1) % takers;
    if (taken === 0) made = undefined;
    return result;
  };
}
