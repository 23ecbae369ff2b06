/** @file Where bytes come from and where they go: disk, addresses, Blobs, OPFS, memory, Hugging Face's hub. */
export { diskFolder, openFile } from './disk.js';
export { type DownloadOptions, type DownloadProgress, downloadCheckpoint } from './download.js';
export { FileError } from './error.js';
export { hubFolder } from './hub.js';
export { bytesFolder, filesFolder, type Location, readFileAt } from './location.js';

export { opfsFolder, opfsStore } from './opfs.js';

export { type ByteSource, blobSource, bytesSource } from './source.js';
export { diskStore } from './store.js';
export { urlFolder, urlSource } from './url.js';
export type { StoredTensor, Weights } from './weights.js';
export { writeFolder } from './write.js';
