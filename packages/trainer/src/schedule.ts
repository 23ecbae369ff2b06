/** @file Learning-rate schedules and step counts of the Hugging Face Trainer (optimization.py, trainer.py). */

export type ScheduleKind = 'linear' | 'cosine' | 'constant' | 'constant_with_warmup';

/**
 * Factor of the base rate for optimizer step `step` (from 0): warm-up starts at 0.
 * @param total Optimizer steps of the whole run.
 */
export function scheduleFactor(kind: ScheduleKind, step: number, warmup: number, total: number): number {
  if (kind === 'constant') return 1;
  if (step < warmup) return step / Math.max(1, warmup);
  if (kind === 'constant_with_warmup') return 1;
  if (kind === 'linear') return Math.max(0, (total - step) / Math.max(1, total - warmup));
  const progress = (step - warmup) / Math.max(1, total - warmup);
  return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * 2 * 0.5 * progress)));
}

/** Steps of warm-up: a number below 1 is a share of all steps, rounded up. */
export function warmupSteps(warmup: number, total: number): number {
  return warmup < 1 ? Math.ceil(total * warmup) : warmup;
}

/**
 * Optimizer steps of a run.
 * @param batches Micro-batches an epoch. The last group of an epoch may be short.
 */
export function totalSteps(batches: number, accumulation: number, epochs: number): number {
  const perEpoch = Math.max(1, Math.floor(batches / accumulation) + Number(batches % accumulation > 0));
  return Math.ceil(epochs * perEpoch);
}
