/** @file Reading from a source part by part, and opening files of a location. */
export { quote } from '../error.js';
export { openerAt, placeName } from '../location.js';
export { nodeFs } from '../node-fs.js';
export { type FileOpener, joined, partsOf, readStream } from '../source.js';
export type { UrlSourceOptions } from '../url.js';
export { storedBytes } from '../weights.js';
