/** @file Where bytes come from and where they go: disk, addresses, Blobs, OPFS, memory, Hugging Face's hub. */
export { diskFolder, openFile } from './disk.js';
export {
  CHECKPOINT_FILES,
  type DownloadOptions,
  type DownloadProgress,
  downloadCheckpoint,
  downloadFile,
  type RemoteFile,
} from './download.js';
export { FileError, quote } from './errors.js';
export {
  HUB_ENDPOINT,
  type HubFile,
  type HubModel,
  type HubOptions,
  hubFolder,
  hubModel,
} from './hub.js';
export { bytesFolder, filesFolder, type Location, openerAt, placeName, readFileAt } from './location.js';
export { nodeFs } from './node-fs.js';
export { opfsFolder, opfsStore } from './opfs.js';
export { portableSha256, type StreamHash, sha256 } from './sha256.js';
export {
  type ByteSource,
  blobSource,
  bytesSource,
  type FileOpener,
  joined,
  partsOf,
  readStream,
} from './source.js';
export { bytesTarget, diskStore, type FileStore, type FileTarget, type PartFile } from './store.js';
export { type UrlSourceOptions, urlFolder, urlSource } from './url.js';
export { type StoredTensor, storedBytes, type Weights } from './weights.js';
export { type FillFile, makeFolder, replaceFile, replaceFolder, writeFolder } from './write.js';
