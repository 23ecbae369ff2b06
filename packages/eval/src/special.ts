/** @file Functions of one number that the metrics need: logistic, error function, normal quantile, log factorial. */

/** 1 / (1 + exp(-z)), without overflow. */
export function sigmoid(z: number): number {
  return z >= 0 ? 1 / (1 + Math.exp(-z)) : Math.exp(z) / (1 + Math.exp(z));
}

/** log(p / (1 - p)) with p clipped to [1e-12, 1 - 1e-12]. */
export function logit(p: number): number {
  const clipped = Math.min(Math.max(p, 1e-12), 1 - 1e-12);
  return Math.log(clipped) - Math.log1p(-clipped);
}

/** log(1 + exp(z)), without overflow. */
export function softplus(z: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

/** Complementary error function, relative error about 1e-14: Taylor series below 2, continued fraction above. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-18 * sum; n++) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
      if (n > 100) break;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
}

/** P(Z > z) of a standard normal. */
function normalUpper(z: number): number {
  return erfc(z / Math.SQRT2) / 2;
}

/** The z with P(Z <= z) = p, 0 < p < 1: bisection to double precision. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`normalQuantile takes a number between 0 and 1, not ${p}`);
  if (p > 0.5) return -normalQuantile(1 - p);
  let low = -40;
  let high = 0;
  for (let i = 0; i < 200 && high - low > 1e-16; i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (normalUpper(-middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** log(n!) for whole n >= 0; Stirling's series from 20 on (error below 1e-16 of the value). */
export function logFactorial(n: number): number {
  if (n < 20) {
    let product = 1;
    for (let i = 2; i <= n; i++) product *= i;
    return Math.log(product);
  }
  const inverse = 1 / n;
  const square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)));
  return n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + series;
}

/** Mean of numbers, null for none. */
export function mean(values: ArrayLike<number>): number | null {
  if (values.length === 0) return null;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}
