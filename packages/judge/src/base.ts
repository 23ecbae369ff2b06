/** @file The checkpoint to train a judge on, read without its weights. */

import type { Battle } from '@arena/data';
import type { DecoderConfig } from '@arena/decoder';
import { type Location, readFileAt } from '@arena/files';
import { placeName } from '@arena/files/source';
import { textBytes } from '@arena/files/text';
import { type GgufBase, readConfig, readGgufBase, type TinyBaseOptions, tinyBaseFiles } from '@arena/gemma';
import { loadTokenizer, sentencePieceTokenizer, type Tokenizer } from '@arena/tokenizer';
import { type ModelCard, mergedCard } from './card.js';
import { JudgeError } from './error.js';
import { type HubPlace, hubPlaceOf } from './hub-place.js';

/** A base without loaded weights. */
export interface Base {
  /** Name in adapters and cards: a hub id, an address, a path. */
  name: string;
  location: Location;
  /** Where it is on the hub, if its name, its path or its file say so. */
  hub?: HubPlace;
  config: DecoderConfig;
  tokenizer: Tokenizer;
  /** Storage of its linear layers: `4bit` by bitsandbytes, `blocks` of a GGUF file. */
  stored: 'float' | '4bit' | 'blocks';
  /** Of a base that is a GGUF file. */
  file?: Pick<GgufBase, 'bytes' | 'sha256' | 'tensors' | 'hasChatTemplate'>;
  /**
   * Digest of a base of several files, as whoever opens it makes it. Cards of judges on it have it, and a base of another
   * digest is refused.
   */
  sha256?: string;
  /** Set when an adapter was merged into it. */
  card?: ModelCard;
}

/**
 * Reads config.json, tokenizer.json and, if present, arena.json of a checkpoint; or a GGUF file, which has the first
 * two.
 * @param location A folder (Node), an address, or a function that opens the files; the path or address of a GGUF file.
 * @throws JudgeError naming a missing or unknown file, or when the tokenizer belongs to another model.
 */
export async function openBase(location: Location, name: string = placeName(location)): Promise<Base> {
  const gguf = await readGgufBase(location);
  const config = gguf?.config ?? (await readConfig(location));
  const tokenizer = gguf ? sentencePieceTokenizer(gguf.vocabulary()) : await openTokenizer(location);
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new JudgeError(
      'base',
      `${name}: its tokenizer has ${tokenizer.vocabSize} tokens, its ${gguf ? 'embedding' : 'config.json'} ${config.vocabSize}: they are of two models`,
    );
  }
  const hub = hubPlaceOf(name, location, gguf?.hubId);
  if (gguf) return { name, location, hub, config, tokenizer, stored: 'blocks', file: gguf };
  const card = await mergedCard(location);
  return { name, location, hub, config, tokenizer, stored: config.quantized ? '4bit' : 'float', card };
}

/**
 * A base with its first layers alone. Its files are the whole base's: who loads weights names the number, too.
 * @throws JudgeError when the base has fewer.
 */
export function withLayers(base: Base, layers: number | undefined): Base {
  const all = base.config.layers;
  if (layers === undefined) return base;
  if (layers <= all.length) return { ...base, config: { ...base.config, layers: all.slice(0, layers) } };
  throw new JudgeError('settings', `\`layers\` ${layers}: ${base.name} has ${all.length} layers`);
}

/** @throws JudgeError when the base is another one than the card's, by the size of its file or the digest of its files. */
export function checkSameBase(
  { name, file, sha256 }: Pick<Base, 'name' | 'file' | 'sha256'>,
  { baseFile, baseSha256 }: Pick<ModelCard, 'baseFile' | 'baseSha256'>,
): void {
  if (baseSha256 && sha256 && baseSha256 !== sha256) {
    throw new JudgeError(
      'base',
      `${name}: SHA-256 ${sha256.slice(0, 12)}…; the adapter was trained on another base of that kind, SHA-256 ${baseSha256.slice(0, 12)}…: open it with its own base`,
    );
  }
  if (!baseFile || !file || baseFile.bytes === file.bytes) return;
  throw new JudgeError(
    'base',
    `${name}: ${file.bytes} bytes; the adapter was trained on a file of ${baseFile.bytes} (SHA-256 ${baseFile.sha256})`,
  );
}

/** Largest tokenizer.json to read. Gemma 3's has 33 MB. */
const MAX_TOKENIZER_BYTES = 500e6;

/**
 * The tokenizer.json of a checkpoint, or the tokenizer in a GGUF file.
 * @throws JudgeError naming the file when it is missing or is an unknown kind of tokenizer.
 */
export async function openTokenizer(location: Location): Promise<Tokenizer> {
  const gguf = await readGgufBase(location);
  if (gguf) return sentencePieceTokenizer(gguf.vocabulary());
  const path = `${placeName(location)}/tokenizer.json`;
  const bytes = await readFileAt(location, 'tokenizer.json', { maxBytes: MAX_TOKENIZER_BYTES });
  if (!bytes)
    throw new JudgeError('base', `${path}: cannot be read (ENOENT); the base's tokenizer is needed beside its weights`);
  try {
    return loadTokenizer(textBytes(bytes, path, (reason) => new Error(reason)));
  } catch (error) {
    throw new JudgeError('base', `${path}: ${(error as Error).message}`);
  }
}

/** Number of battles that the tokenizer of a tiny base learns from. */
const TOKENIZER_BATTLES = 300;

/** The files of a tiny base of random weights, for trying things out. Its tokenizer is trained on these battles. */
export function tinyBaseFor(battles: Battle[], options?: TinyBaseOptions): Record<string, Uint8Array> {
  const texts = battles
    .slice(0, TOKENIZER_BATTLES)
    .flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB]);
  return tinyBaseFiles(texts, options);
}
