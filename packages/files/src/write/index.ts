/** @file Whole-or-nothing writes, and hashes. */
export { isAlive } from '../leftovers.js';
export { portableSha256, type StreamHash, sha256 } from '../sha256.js';
export { bytesTarget, type FileStore, type FileTarget, type PartFile } from '../store.js';
export { type FillFile, makeFolder, replaceFile, replaceFolder, storing } from '../write.js';
