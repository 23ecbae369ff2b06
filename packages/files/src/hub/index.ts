/** @file Addresses and files of the hub. */
export { CHECKPOINT_FILES, downloadFile, type RemoteFile } from '../download.js';
export { HUB_ENDPOINT, type HubFile, type HubModel, type HubOptions, hubModel } from '../hub.js';
export { cleanToken, withoutSecrets } from '../secrets.js';
