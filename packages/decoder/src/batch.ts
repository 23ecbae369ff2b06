/** @file A flat batch: sequences one after another, without padding. */
import { DecoderError } from './error.js';

export interface FlatBatch {
  /** Token ids of all sequences. [tokens] */
  ids: Int32Array;
  /** Start of each sequence, and the number of tokens at the end. [n + 1] */
  offsets: Int32Array;
}

/** The token of each sequence that the head reads: the last whose id is not the pad id, else the first. Flat indices. [n] */
export function pooledRows({ ids, offsets }: FlatBatch, padTokenId: number): Int32Array {
  return Int32Array.from({ length: offsets.length - 1 }, (_, i) => {
    let row = offsets[i + 1] - 1;
    while (row > offsets[i] && ids[row] === padTokenId) row--;
    return row;
  });
}

/** Position of each token in its sequence. [tokens] */
export function positionsOf({ offsets }: FlatBatch): Int32Array {
  const positions = new Int32Array(offsets[offsets.length - 1]);
  for (let i = 0; i + 1 < offsets.length; i++) {
    for (let t = offsets[i]; t < offsets[i + 1]; t++) positions[t] = t - offsets[i];
  }
  return positions;
}

/**
 * Takes the padding out of a batch as transformers' collators make it. A row without any visible token keeps its first
 * (it attends to pads alone there, which all look alike).
 * @returns the flat batch and, for each flat token, its column in the padded row. [tokens]
 * @throws DecoderError when ids and mask differ in shape.
 */
export function flattenPadded(
  inputIds: number[][],
  attentionMask: number[][] | null,
): FlatBatch & { columns: Int32Array } {
  const ids: number[] = [];
  const columns: number[] = [];
  const offsets = [0];
  inputIds.forEach((row, i) => {
    const mask = attentionMask?.[i];
    if (attentionMask && mask?.length !== row.length) {
      throw new DecoderError('batch', `row ${i} has ${row.length} ids but ${mask?.length ?? 'no'} mask values`);
    }
    row.forEach((id, column) => {
      if (mask && !mask[column]) return;
      ids.push(id);
      columns.push(column);
    });
    if (ids.length === offsets[i]) {
      ids.push(row[0]);
      columns.push(0);
    }
    offsets.push(ids.length);
  });
  return { ids: Int32Array.from(ids), offsets: Int32Array.from(offsets), columns: Int32Array.from(columns) };
}
