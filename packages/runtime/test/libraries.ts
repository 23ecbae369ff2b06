/** @file Native libraries for tests: Debian's, as .ci/run installs them. */
import { existsSync } from 'node:fs';

export const LIBRARIES = [
  ['OpenBLAS', 'libopenblas.so.0'],
  ['oneDNN', 'libdnnl.so.2'],
  ['BLIS', 'libblis.so.4'],
] as const;

const FOLDERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'];

export function isInstalled(file: string): boolean {
  return FOLDERS.some((folder) => existsSync(`${folder}/${file}`));
}
