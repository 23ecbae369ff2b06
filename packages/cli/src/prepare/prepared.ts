/** @file A prepared folder: cleaned battles, their parts by id, and the tokens of each part. */
import { createReadStream } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Battle, Packed, PackOptions, SplitName, Splits } from '@arena/data';
import { openPackingKey, type PackedEntry, packedFromBytes, packedTensors, packingKey } from '@arena/data/pack';
import { applySplits, SPLIT_NAMES, type SplitsFile, splitsToFile } from '@arena/data/split';
import { replaceFile } from '@arena/files/write';
import type { Cleaning } from '@arena/judge/settings';
import { writeSafetensors } from '@arena/safetensors';
import { readJson } from '../json-file.js';
import { type Appender, appender } from './appender.js';

/** Content of prepared.json, which marks the folder. */
interface PreparedManifest {
  format: 'arena-prepared-1';
  /** Files that the battles came from. */
  sources: string[];
  /** The data sets of the hub among them, with the commits that were read. */
  hubData?: string[];
  /** The value of `--clean`. */
  cleaning?: Cleaning;
  packing: PackOptions;
  /** Key of the tokens of each part: depends on the texts, the tokenizer and the packing. */
  keys: Record<SplitName, string>;
}

/** An open prepared folder. */
export interface Prepared {
  folder: string;
  manifest: PreparedManifest;
  /** Content of splits.json. */
  file: SplitsFile;
  parts: Record<SplitName, Battle[]>;
}

const MANIFEST = 'prepared.json';
/** The battles kept, as JSON lines. */
export const BATTLES = 'battles.jsonl';
const tokensFile = (name: SplitName) => `tokens-${name}.safetensors`;

/** What {@link preparedWriter} needs. */
export interface PreparedInput {
  sources: string[];
  hubData?: string[];
  cleaning?: Cleaning;
  packing: PackOptions;
  /** The bytes of tokenizer.json. */
  tokenizer: Uint8Array;
}

/** Writes battles into a prepared folder. Tokens go to disk as they come; memory holds only their sizes and labels. */
export interface PreparedWriter {
  add(name: SplitName, battle: Battle, packed: Packed): Promise<void>;
  /** Writes the files of tokens, splits.json and, last, prepared.json. */
  finish(splits: Splits): Promise<void>;
  packed: Record<SplitName, PackedEntry[]>;
}

/** Opens a writer in a folder with battles.jsonl, for the tokens of its battles. */
export async function preparedWriter(
  folder: string,
  { sources, hubData, cleaning, packing, tokenizer }: PreparedInput,
): Promise<PreparedWriter> {
  const packed: Record<SplitName, PackedEntry[]> = { train: [], validation: [], test: [] };
  const spools = new Map<SplitName, { path: string; file: Appender; key: ReturnType<typeof openPackingKey> }>();
  for (const name of SPLIT_NAMES) {
    const path = join(folder, `${name}.ids`);
    spools.set(name, { path, file: await appender(path), key: openPackingKey(tokenizer, packing) });
  }

  async function add(name: SplitName, battle: Battle, { ids, ...entry }: Packed): Promise<void> {
    const { file, key } = spools.get(name)!;
    packed[name].push({ ...entry, ids: { length: ids.length } });
    await file.add(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength));
    await key.add(battle);
  }

  async function finish(splits: Splits): Promise<void> {
    const keys = { train: '', validation: '', test: '' };
    for (const name of SPLIT_NAMES) {
      const { path, file, key } = spools.get(name)!;
      await file.finish();
      keys[name] = await key.key();
      const { tensors, metadata } = packedTensors(packed[name], () => createReadStream(path), keys[name]);
      await writeSafetensors(join(folder, tokensFile(name)), tensors, metadata);
      await rm(path);
    }
    await replaceFile(join(folder, 'splits.json'), `${JSON.stringify(splitsToFile(splits), null, 1)}\n`);
    const manifest: PreparedManifest = { format: 'arena-prepared-1', sources, hubData, cleaning, packing, keys };
    await replaceFile(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  }
  return { add, finish, packed };
}

/** Path of the battles of a prepared folder. Undefined for any other path. */
export async function preparedBattles(path: string): Promise<string | undefined> {
  const found = await stat(join(path, MANIFEST)).catch(() => undefined);
  return found?.isFile() ? join(path, BATTLES) : undefined;
}

/**
 * Opens a prepared folder after its battles are read.
 * @param battles The battles that this run uses. The parts leave out the others (ties, battles without a vote).
 * @throws Error when one of its files is missing or is not what `arena prepare` wrote.
 */
export async function openPrepared(folder: string, battles: Battle[], read: Battle[]): Promise<Prepared> {
  const manifest = (await readJson(join(folder, MANIFEST), { advice: 'prepare again' })) as PreparedManifest;
  if (manifest?.format !== 'arena-prepared-1') {
    throw new Error(`${join(folder, MANIFEST)}: format ${manifest?.format} is not arena-prepared-1; prepare again`);
  }
  const path = join(folder, 'splits.json');
  const stored = (await readJson(path, { advice: 'prepare again' })) as SplitsFile;
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

/** The tokens of one part. Undefined when another tokenizer or another packing made them. */
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
    throw new Error(`${path}: cannot be read (${error.code}); prepare again`);
  });
  const { packed, key } = await packedFromBytes(bytes).catch((error: Error) => {
    throw new Error(`${path}: ${error.message}`);
  });
  if (key !== wanted) throw new Error(`${path}: holds the tokens of another set; prepare again`);
  return packed;
}
