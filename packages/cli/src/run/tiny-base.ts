/** @file The tiny base of the quickstart, as a folder. */
import { writeFile } from 'node:fs/promises';
import type { Battle } from '@arena/data';
import { type TinyBaseOptions, tinyBaseFiles } from '@arena/gemma';

/** Battles whose texts the tokenizer is trained on. */
const TOKENIZER_BATTLES = 300;

/** Writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json. */
export async function writeTinyBase(directory: string, battles: Battle[], options?: TinyBaseOptions): Promise<void> {
  const texts = battles
    .slice(0, TOKENIZER_BATTLES)
    .flatMap(({ prompt, responseA, responseB }) => [...prompt, ...responseA, ...responseB]);
  for (const [name, bytes] of Object.entries(tinyBaseFiles(texts, options))) {
    await writeFile(`${directory}/${name}`, bytes);
  }
}
