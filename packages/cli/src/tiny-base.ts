/** @file The tiny base of the quickstart, as a folder. */
import { writeFile } from 'node:fs/promises';
import type { Battle } from '@arena/data';
import type { TinyBaseOptions } from '@arena/gemma';
import { tinyBaseFor } from '@arena/judge';

/** Writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json. */
export async function writeTinyBase(directory: string, battles: Battle[], options?: TinyBaseOptions): Promise<void> {
  for (const [name, bytes] of Object.entries(tinyBaseFor(battles, options))) {
    await writeFile(`${directory}/${name}`, bytes);
  }
}
