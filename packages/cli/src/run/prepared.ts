/** @file A prepared folder: cleaned battles, their parts by id, and the tokens of each part. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  applySplits,
  type Battle,
  battleToRecord,
  type Packed,
  type PackOptions,
  packedFromBytes,
  packedToBytes,
  packingKey,
  SPLIT_NAMES,
  type SplitName,
  type Splits,
  type SplitsFile,
  splitsToFile,
} from '@arena/data';

/** Content of prepared.json, by which the folder is known. */
export interface PreparedManifest {
  format: 'arena-prepared-1';
  /** Files that the battles came from. */
  sources: string[];
  packing: PackOptions;
  /** Key of the tokens of each part: of its texts, the tokenizer and the packing. */
  keys: Record<SplitName, string>;
}

/** A prepared folder that is open. */
export interface Prepared {
  folder: string;
  manifest: PreparedManifest;
  /** What splits.json holds. */
  file: SplitsFile;
  parts: Record<SplitName, Battle[]>;
}

const MANIFEST = 'prepared.json';
const tokensFile = (name: SplitName) => `tokens-${name}.safetensors`;

/** Battles written at a time. */
const ROWS_AT_ONCE = 1000;

export interface PreparedInput {
  sources: string[];
  splits: Splits;
  packed: Record<SplitName, Packed[]>;
  packing: PackOptions;
  /** The bytes of tokenizer.json. */
  tokenizer: Uint8Array;
}

/** Writes battles.jsonl, splits.json, a file of tokens for each part and, last, prepared.json into an empty folder. */
export async function writePrepared(folder: string, input: PreparedInput): Promise<void> {
  const { sources, splits, packed, packing, tokenizer } = input;
  const keys = { train: '', validation: '', test: '' };
  const battles = SPLIT_NAMES.flatMap((name) => splits[name]).sort((a, b) => a.row - b.row);
  for (let from = 0; from < battles.length; from += ROWS_AT_ONCE) {
    const lines = battles.slice(from, from + ROWS_AT_ONCE).map((battle) => JSON.stringify(battleToRecord(battle)));
    await writeFile(join(folder, 'battles.jsonl'), `${lines.join('\n')}\n`, { flag: 'a' });
  }
  await writeFile(join(folder, 'splits.json'), `${JSON.stringify(splitsToFile(splits), null, 1)}\n`);
  for (const name of SPLIT_NAMES) {
    keys[name] = await packingKey(splits[name], tokenizer, packing);
    await writeFile(join(folder, tokensFile(name)), packedToBytes(packed[name], keys[name]));
  }
  const manifest: PreparedManifest = { format: 'arena-prepared-1', sources, packing, keys };
  await writeFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Where the battles of a prepared folder are; undefined for any other path. */
export async function preparedBattles(path: string): Promise<string | undefined> {
  const found = await stat(join(path, MANIFEST)).catch(() => undefined);
  return found?.isFile() ? join(path, 'battles.jsonl') : undefined;
}

/**
 * Opens a prepared folder whose battles have been read.
 * @param battles What this run takes of them: the others (ties, battles without a vote) are left out of the parts.
 * @throws Error when one of its files is missing or is not what `arena prepare` wrote.
 */
export async function openPrepared(folder: string, battles: Battle[], read: Battle[]): Promise<Prepared> {
  const manifest = (await readJson(join(folder, MANIFEST))) as PreparedManifest;
  if (manifest?.format !== 'arena-prepared-1') {
    throw new Error(`${join(folder, MANIFEST)}: format ${manifest?.format} is not arena-prepared-1; prepare anew`);
  }
  const path = join(folder, 'splits.json');
  const stored = (await readJson(path)) as SplitsFile;
  const taken = new Set(battles.map(({ id }) => id));
  try {
    const all = applySplits(read, stored);
    const file = { ...stored };
    for (const name of SPLIT_NAMES) file[name] = all[name].flatMap(({ id }) => (taken.has(id) ? [id] : []));
    return { folder, manifest, file, parts: applySplits(battles, file) };
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

/** The tokens of one part, or undefined when they were made by another tokenizer, or packed otherwise. */
export async function cachedTokens(
  { folder, manifest, parts }: Prepared,
  name: SplitName,
  tokenizer: Uint8Array,
  packing: PackOptions,
): Promise<Packed[] | undefined> {
  const wanted = await packingKey(parts[name], tokenizer, packing);
  if (manifest.keys?.[name] !== wanted) return undefined;
  const path = join(folder, tokensFile(name));
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be read (${error.code}); prepare anew`);
  });
  const { packed, key } = await packedFromBytes(bytes).catch((error: Error) => {
    throw new Error(`${path}: ${error.message}`);
  });
  if (key !== wanted) throw new Error(`${path}: holds the tokens of another set; prepare anew`);
  return packed;
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be read (${error.code}); prepare anew`);
  });
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: not JSON (${(error as Error).message}); prepare anew`);
  }
}
