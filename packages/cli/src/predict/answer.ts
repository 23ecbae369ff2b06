/** @file What commands say of one battle: a judge's prediction with the mean of both orders in one number. */
import { meanOfOrders, type Scored } from '@arena/judge/run';

/** P(A is preferred) and, where the judge's style is in it, P(A) by the margin alone. */
export interface Answer {
  probabilityA: number;
  rawProbabilityA?: number;
}

/** The means over the scored orders. */
export function answerOf({
  id,
  probabilityA,
  probabilityASwapped,
  rawProbabilityA,
  rawProbabilityASwapped,
}: Scored): Answer {
  const raw =
    rawProbabilityA === undefined
      ? undefined
      : meanOfOrders({ id, probabilityA: rawProbabilityA, probabilityASwapped: rawProbabilityASwapped });
  const mean = meanOfOrders({ id, probabilityA, probabilityASwapped });
  return raw === undefined ? { probabilityA: mean } : { probabilityA: mean, rawProbabilityA: raw };
}
