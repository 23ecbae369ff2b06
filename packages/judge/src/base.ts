/** @file The checkpoint that a judge is trained on: read but for its weights. */

import type { Battle } from '@arena/data';
import type { DecoderConfig } from '@arena/decoder';
import { type Location, readFileAt } from '@arena/files';
import { placeName } from '@arena/files/source';
import { ggufAt, ggufVocabulary, readConfig, type TinyBaseOptions, tinyBaseFiles } from '@arena/gemma';
import { loadTokenizer, sentencePieceTokenizer, type Tokenizer } from '@arena/tokenizer';
import { type ModelCard, mergedCard } from './card.js';
import { JudgeError } from './error.js';

/** A base whose weights are not loaded yet. */
export interface Base {
  /** What adapters and cards call it: a hub id, an address, a path. */
  name: string;
  location: Location;
  config: DecoderConfig;
  tokenizer: Tokenizer;
  /** How its linear layers are stored: `4bit` as bitsandbytes has them, `blocks` as a GGUF file has them. */
  stored: 'float' | '4bit' | 'blocks';
  /** Set when an adapter was merged into it. */
  card?: ModelCard;
}

/**
 * Reads config.json, tokenizer.json and, where there is one, arena.json of a checkpoint; all of them of a GGUF file.
 * @param location A folder (Node), an address, or a function that opens the files; the path or address of a GGUF file.
 * @throws JudgeError naming the file that is missing or of another kind, or when the tokenizer is another model's.
 */
export async function openBase(location: Location, name: string = placeName(location)): Promise<Base> {
  const config = await readConfig(location);
  const tokenizer = await openTokenizer(location);
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new JudgeError(
      'base',
      `${name}: its tokenizer has ${tokenizer.vocabSize} tokens, its config.json ${config.vocabSize}: they are of two models`,
    );
  }
  const isGguf = (await ggufAt(location)) !== undefined;
  const stored = isGguf ? 'blocks' : config.quantized ? '4bit' : 'float';
  return { name, location, config, tokenizer, stored, card: isGguf ? undefined : await mergedCard(location) };
}

/** Largest tokenizer.json that is read. Gemma 3's has 33 MB. */
const MAX_TOKENIZER_BYTES = 500e6;

/**
 * The tokenizer.json of a checkpoint, or the tokenizer in a GGUF file.
 * @throws JudgeError naming the file when it is missing or is no tokenizer that is known here.
 */
export async function openTokenizer(location: Location): Promise<Tokenizer> {
  const vocabulary = await ggufVocabulary(location);
  if (vocabulary) return sentencePieceTokenizer(vocabulary);
  const path = `${placeName(location)}/tokenizer.json`;
  const bytes = await readFileAt(location, 'tokenizer.json', { maxBytes: MAX_TOKENIZER_BYTES });
  if (!bytes)
    throw new JudgeError('base', `${path}: cannot be read (ENOENT); the base's tokenizer is needed beside its weights`);
  try {
    return loadTokenizer(bytes);
  } catch (error) {
    throw new JudgeError('base', `${path}: ${(error as Error).message}`);
  }
}

/** Battles whose texts the tokenizer of a tiny base learns its words from. */
const TOKENIZER_BATTLES = 300;

/** The files of a tiny base of random weights, to try things on: its tokenizer is made for these battles. */
export function tinyBaseFor(battles: Battle[], options?: TinyBaseOptions): Record<string, Uint8Array> {
  const texts = battles
    .slice(0, TOKENIZER_BATTLES)
    .flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB]);
  return tinyBaseFiles(texts, options);
}
