/** @file What a file is that does not begin as a GGUF file does. */

import { fileKind } from '@arena/files/text';

/** Bytes that are looked at. */
export const SNIFF_BYTES = 64;

/** Says what a file with these first bytes is and what to do, or gives undefined where it begins with GGUF's magic. */
export function otherFormat(head: Uint8Array, size: number): string | undefined {
  if (size === 0) return 'is empty: was its download broken off?';
  const text = String.fromCharCode(...head.subarray(0, SNIFF_BYTES));
  if (text.startsWith('GGUF')) return undefined;
  const kind = fileKind(head);
  if (kind) return `is ${kind.name}, not a GGUF file; ${kind.advice}`;
  const start = [...head.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `is no GGUF file: it begins with the bytes ${start}, not with "GGUF"`;
}
