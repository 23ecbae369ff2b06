/** @file Numbers as people read them. */

export function percent(share: number | null, digits = 1): string {
  return share === null ? '–' : `${(100 * share).toFixed(digits)} %`;
}

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '';
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

export function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.max(1, Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** P(A) as a sentence. Near 1/2 nobody should read a preference into it. */
export function verdict(probabilityA: number): string {
  const sure = Math.max(probabilityA, 1 - probabilityA);
  if (sure < 0.55) return 'Too close to call.';
  const side = probabilityA > 0.5 ? 'A' : 'B';
  return sure < 0.7 ? `People would rather prefer ${side}.` : `People would prefer ${side}.`;
}
