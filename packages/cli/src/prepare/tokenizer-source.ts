/** @file What a base's tokenizer is made of: for threads, and to know a tokenizer again. */
import { readFile } from 'node:fs/promises';
import { textBytes } from '@arena/files/text';
import { readGgufBase } from '@arena/gemma';
import type { SentencePieceVocabulary } from '@arena/tokenizer';

/** What a tokenizer is made of, and bytes that are others for another tokenizer. */
export interface TokenizerSource {
  source: Uint8Array | SentencePieceVocabulary;
  bytes: Uint8Array;
}

/** The tokenizer.json in a base's folder, or the vocabulary in a GGUF file. */
export async function tokenizerSource(base: string): Promise<TokenizerSource> {
  const vocabulary = (await readGgufBase(base))?.vocabulary();
  if (vocabulary) {
    const { scores, types, ...rest } = vocabulary;
    const text = JSON.stringify({ ...rest, scores: Array.from(scores), types: Array.from(types) });
    return { source: vocabulary, bytes: new TextEncoder().encode(text) };
  }
  const path = `${base}/tokenizer.json`;
  const bytes = textBytes(await readFile(path), path);
  return { source: bytes, bytes };
}
