/** @file Data sets of the hub: loaded by those who name one. */
export { openHubSet } from '@arena/data/read';
