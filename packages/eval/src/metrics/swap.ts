/** @file Effect of showing the two answers in the other order. */
import { mean } from '../special.js';

/** Agreement of the verdicts on `n` battles in both orders. The shares and the mean are null when there are none. */
export interface SwapAgreement {
  n: number;
  /** Share with the same verdict in both orders. */
  consistency: number | null;
  /** Share of all verdicts, both orders, for the answer shown first; 0.5 is unbiased. */
  firstPositionRate: number | null;
  /** Mean |P(A) in order A, B - P(A) in order B, A|. */
  meanGap: number | null;
  /** P(A) averaged over both orders [n]. */
  averaged: Float64Array;
}

/**
 * @param firstAB P(the answer shown first wins) in order A, B: P(A) [n].
 * @param firstBA P(the answer shown first wins) in order B, A: P(B) [n].
 */
export function swapAgreement(firstAB: ArrayLike<number>, firstBA: ArrayLike<number>): SwapAgreement {
  const n = firstAB.length;
  const same = new Float64Array(n);
  const first = new Float64Array(2 * n);
  const gap = new Float64Array(n);
  const averaged = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    same[i] = firstAB[i] >= 0.5 === 1 - firstBA[i] >= 0.5 ? 1 : 0;
    first[i] = firstAB[i] >= 0.5 ? 1 : 0;
    first[n + i] = firstBA[i] >= 0.5 ? 1 : 0;
    gap[i] = Math.abs(firstAB[i] - (1 - firstBA[i]));
    averaged[i] = (firstAB[i] + 1 - firstBA[i]) / 2;
  }
  return { n, consistency: mean(same), firstPositionRate: mean(first), meanGap: mean(gap), averaged };
}
