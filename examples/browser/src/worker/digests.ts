/** @file What tells a base that nobody else has from another one. */
import { sha256 } from '@arena/files/write';

/** SHA-256 of each file, by name. */
export function digests(files: Record<string, Uint8Array>): Record<string, string> {
  const sorted = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, bytes]) => [name, digest(bytes)]));
}

/** One SHA-256 of all files and their names. */
export function digestOfAll(files: Record<string, Uint8Array>): string {
  return digest(new TextEncoder().encode(JSON.stringify(digests(files))));
}

function digest(bytes: Uint8Array): string {
  const hash = sha256();
  hash.update(bytes);
  return hash.hex();
}
