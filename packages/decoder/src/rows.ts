/** @file The backward of a gather: rows added up where they came from. */
import { reshape, scatterND, type Tensor1D, type Tensor2D } from '@tensorflow/tfjs-core';

/**
 * A matrix of `count` rows that holds the sum of `values` [n, H] by their row number, and zero elsewhere. [count, H]
 * (tfjs's unsortedSegmentSum would make a mask of all values for each of the `count` rows.)
 */
export function addRows(values: Tensor2D, rows: Tensor1D, count: number): Tensor2D {
  return scatterND(reshape(rows, [-1, 1]), values, [count, values.shape[1]]);
}
