/** @file Blocks of query tokens of a flat batch. */

import type { WasmBackend } from '@arena/runtime/wasm';
import type { TensorInfo } from '@tensorflow/tfjs-core';
import { DecoderError } from '../../../error.js';
import type { AttentionAttrs } from '../attrs.js';

/** Query rows [row, row + count) of a sequence that starts at `start`, and the keys [first, end) that they see. */
export interface Block {
  row: number;
  count: number;
  start: number;
  first: number;
  end: number;
}

/** Tokens [start, stop) of the batch, and their query rows. */
export interface Sequence {
  start: number;
  stop: number;
  blocks: Block[];
}

/**
 * Cuts the query rows into blocks of at most `most` neighbouring tokens of one sequence.
 * @throws DecoderError for a row outside its batch.
 */
export function cut(
  backend: WasmBackend,
  inputs: { [name: string]: TensorInfo },
  most: number,
  { slidingWindow }: AttentionAttrs,
): Sequence[] {
  const offsets = backend.data.get(inputs.offsets.dataId).values as Int32Array;
  const rows = backend.data.get(inputs.rows.dataId).values as Int32Array;
  const sequences: Sequence[] = [];
  let row = 0;
  for (let i = 0; i + 1 < offsets.length; i++) {
    const [start, stop] = [offsets[i], offsets[i + 1]];
    const blocks: Block[] = [];
    if (rows[row] < start) break;
    while (row < rows.length && rows[row] < stop) {
      let count = 1;
      while (count < most && row + count < rows.length && rows[row + count] < stop) count++;
      const first = slidingWindow ? Math.max(start, rows[row] - slidingWindow + 1) : start;
      blocks.push({ row, count, start, first, end: rows[row + count - 1] + 1 });
      row += count;
    }
    sequences.push({ start, stop, blocks });
  }
  if (row !== rows.length) {
    throw new DecoderError(
      'batch',
      `attention: query row ${rows[row]} is outside the batch of ${inputs.k.shape[0]} tokens or out of order`,
    );
  }
  return sequences;
}
