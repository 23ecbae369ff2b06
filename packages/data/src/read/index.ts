/** @file Rows of files, reasons for rejecting a row, and battles as records. */
export type { BattleFlag } from '../battle.js';
export type { DataErrorPlace } from '../error.js';
export { type HubSetName, hubSetName } from './hub-names.js';
export { type HubSet, type HubSetOptions, openHubSet } from './hub-set.js';
export { type ReadRow, type RejectedRow, readRecords, readRows, type TableRow } from './read.js';
export { REJECT_REASONS, type RejectReason } from './rejected.js';
export { COLUMNS, type Column, type Format, SCHEMAS, type Schema } from './schema.js';
export type { BattleFile } from './source.js';
export { type BattleRecord, battleToRecord } from './to-record.js';
export type { NonText } from './turns.js';
export type { WinnerValues } from './vote.js';
