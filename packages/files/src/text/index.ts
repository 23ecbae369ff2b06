/** @file What the bytes of a file say: its kind, its text, tables of CSV, records of JSON, ids. */
export { csvTable, type Fail, type Table } from './csv.js';
export { decimalText, idText, isoTime } from './id.js';
export { type JsonRecord, jsonRecord, keyAt, parseJson, type RecordOptions } from './json.js';
export { type FileKind, fileKind, KIND_BYTES } from './kind.js';
export { fileText, readTextAt, textBytes } from './read-text.js';
export { decodeUtf8, utf8Stream } from './utf8.js';
