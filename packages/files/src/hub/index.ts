/** @file Addresses and files of the hub, and the cache of them. */
export { CHECKPOINT_FILES, downloadFile, type RemoteFile } from '../download.js';
export {
  HUB_ENDPOINT,
  type HubDataset,
  type HubFile,
  type HubModel,
  type HubOptions,
  hubDataset,
  hubModel,
} from '../hub.js';
export { diskHubCache, type HubCache, hubFolderName } from '../hub-cache.js';
export { opfsHubCache } from '../hub-cache-opfs.js';
export { accessToken, type HubPlaces, hubPlaces } from '../hub-places.js';
export {
  type HubLibrary,
  type HubUpload,
  type UploadOptions,
  type UploadProgress,
  type UploadResult,
  uploadToHub,
} from '../hub-upload.js';
export { cleanToken } from '../secrets.js';
export { withoutSecrets } from '../without-secrets.js';
