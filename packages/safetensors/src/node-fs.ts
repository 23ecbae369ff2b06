/** @file Node's file system, asked for at run time so that bundlers for browsers have nothing to resolve. */
import { SafetensorsError } from './errors.js';

/** @throws SafetensorsError where there is no Node file system. */
export function nodeFs(): typeof import('node:fs/promises') {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs/promises');
  if (!fs)
    throw new SafetensorsError('needs Node 20.19; elsewhere read with blobSource or urlSource', 'a path on disk');
  return fs;
}
