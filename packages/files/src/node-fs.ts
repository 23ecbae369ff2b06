/** @file Node's file system, looked up at run time so that bundlers for browsers have nothing to resolve. */
import { FileError } from './error.js';

/** `node:fs/promises`. @throws FileError where there is no Node file system. */
export function nodeFs(): typeof import('node:fs/promises') {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs/promises');
  if (!fs)
    throw new FileError(
      'argument',
      'needs Node 20.19; elsewhere pass an address, a Blob (File) or bytes',
      'a path on disk',
    );
  return fs;
}
