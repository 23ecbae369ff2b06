/** @file Seeded inputs for the conformance suite. */
import { Mt19937, normal } from '@arena/random';

/** A drawer of N(0, std) tensors of any shape from one seed. */
export function drawer(seed: number) {
  const generator = new Mt19937(seed);
  return (shape: number[], std = 1) => ({
    shape,
    dtype: 'float32' as const,
    values: normal(
      generator,
      shape.reduce((a, b) => a * b, 1),
      0,
      std,
    ),
  });
}

export function int32(values: Iterable<number>) {
  const array = Int32Array.from(values);
  return { shape: [array.length], dtype: 'int32' as const, values: array };
}
