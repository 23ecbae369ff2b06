/** @file Ids from values of files: exact, or refused by type. The same for votes and for predictions. */

/**
 * The id that a value gives. Texts as they are, whole numbers in decimal (also beyond 2^53, as bigint), bytes in
 * hexadecimal. Undefined where there is none: null, NaN, an empty text.
 * @param refuse Makes the error for a value that is no id; told what it is.
 */
export function idText(value: unknown, refuse: (what: string) => Error): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string') return value.trim() === '' ? undefined : value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') {
    if (Number.isNaN(value)) return undefined;
    if (Number.isSafeInteger(value)) return String(value + 0); // no -0
    throw refuse(`the floating-point number ${value}, which may stand for several ids; write whole numbers or texts`);
  }
  if (value instanceof Uint8Array) return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const what = Array.isArray(value) ? 'a list' : typeof value === 'boolean' ? String(value) : 'an object';
  throw refuse(`${what}; a text or a whole number is expected`);
}

/**
 * A moment in UTC, with all digits of its unit: `2024-05-01T12:34:56.123456Z`. Moments beyond the years of
 * JavaScript's dates are their number.
 * @param count Units since 1970.
 * @param digits Digits of the fraction: 0, 3, 6 or 9.
 */
export function isoTime(count: bigint | number, digits: 0 | 3 | 6 | 9): string {
  const units = BigInt(count);
  const perSecond = 10n ** BigInt(digits);
  const fraction = ((units % perSecond) + perSecond) % perSecond;
  const date = new Date(Number((units - fraction) / perSecond) * 1000);
  if (Number.isNaN(date.getTime())) return units.toString();
  const behind = digits === 0 ? '' : `.${fraction.toString().padStart(digits, '0')}`;
  return `${date.toISOString().slice(0, -5)}${behind}Z`;
}

/** A decimal of so many digits behind the point, exactly: 1230 of 2 digits is `12.30`. */
export function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const sign = unscaled < 0n ? '-' : '';
  return scale > 0 ? `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}` : `${sign}${digits}`;
}
