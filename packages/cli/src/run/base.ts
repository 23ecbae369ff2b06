/** @file What a base checkpoint folder brings beside its weights: the tokenizer, and a name. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { loadTokenizer, type Tokenizer } from '@arena/tokenizer';

/**
 * The tokenizer.json of a checkpoint folder.
 * @throws Error naming the file when it is missing or is no tokenizer that is known here.
 */
export async function openTokenizer(base: string): Promise<Tokenizer> {
  const path = `${base}/tokenizer.json`;
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be read (${error.code}); the base's tokenizer is needed beside its weights`);
  });
  try {
    return loadTokenizer(bytes);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

/** How an adapter names its base: a hub id stays, a folder becomes absolute. */
export function baseName(base: string): string {
  return resolve(base);
}
