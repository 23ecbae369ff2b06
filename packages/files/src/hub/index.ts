/** @file Addresses and files of the hub. */
export { CHECKPOINT_FILES, downloadFile, type RemoteFile } from '../download.js';
export {
  HUB_ENDPOINT,
  HUB_ENDPOINT,
  type HubFile,
  type HubFile,
  type HubModel,
  type HubModel,
  type HubOptions,
  type HubOptions,
  hubModel,
  hubModel,
} from '../hub.js';
export {
  accessToken,
  diskHubCache,
  diskHubCache,
  type HubCache,
  type HubCache,
  type HubPlaces,
  hubFolderName,
  hubFolderName,
  hubPlaces,
  opfsHubCache,
} from '../hub-cache.js';
export { opfsHubCache } from '../hub-cache-opfs.js';
export { accessToken, type HubPlaces, hubPlaces } from '../hub-places.js';
