/**
 * @file Best metric and early stopping as the Hugging Face Trainer decides them
 * (trainer_callback.EarlyStoppingCallback).
 */

export interface EarlyStoppingOptions {
  /** Evaluations without an improvement before training stops. */
  patience: number;
  /** Least improvement of the metric that counts. */
  threshold?: number;
  greaterIsBetter: boolean;
}

/**
 * The evaluations so far: how many, the best metric (null before the first) and its index from 0 (-1), and how many in
 * a row did not improve it by more than the threshold (`counter`).
 */
export interface EarlyStoppingState {
  best: number | null;
  bestIndex: number;
  counter: number;
  evaluations: number;
}

/** The state before the first evaluation. */
export const EARLY_STOPPING_START: EarlyStoppingState = { best: null, bestIndex: -1, counter: 0, evaluations: 0 };

/** The state after one more evaluation, and whether training should stop. */
export function earlyStopping(
  state: EarlyStoppingState,
  metric: number,
  { patience, threshold = 0, greaterIsBetter }: EarlyStoppingOptions,
): EarlyStoppingState & { stop: boolean } {
  const { best } = state;
  const better = best === null || (greaterIsBetter ? metric > best : metric < best);
  const improved = best === null || (better && Math.abs(metric - best) > threshold);
  const counter = improved ? 0 : state.counter + 1;
  return {
    best: better ? metric : best,
    bestIndex: better ? state.evaluations : state.bestIndex,
    counter,
    evaluations: state.evaluations + 1,
    stop: counter >= patience,
  };
}
