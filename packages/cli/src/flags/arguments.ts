/** @file Parsers of flag values, for commander. */
import { InvalidArgumentError } from 'commander';

/** Parses a whole number within bounds. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`a whole number from ${min}${max < 1e15 ? ` to ${max}` : ''} is expected.`);
    }
    return value;
  };
}

/** Parses a number within bounds. */
export function number(min: number, max = Infinity): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!text.trim() || !Number.isFinite(value) || !(value >= min && value <= max)) {
      throw new InvalidArgumentError(`a number from ${min}${max < Infinity ? ` to ${max}` : ''} is expected.`);
    }
    return value;
  };
}

/** Parses a size in bytes: a number with an optional unit, such as 6GB, 512MiB or 3000000. */
export function byteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?$/i.exec(text.trim());
  const power = match?.[2] ? 'kmgt'.indexOf(match[2].toLowerCase()) + 1 : 0;
  const bytes = match ? Number(match[1]) * (match[3] ? 1024 : 1000) ** power : 0;
  if (!(bytes > 0)) throw new InvalidArgumentError('a size such as 6GB or 512MiB is expected.');
  return bytes;
}
