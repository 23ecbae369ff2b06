/** @file The tiny base of the quickstart, as a folder. */

import type { Battle } from '@arena/data';
import { replaceFile } from '@arena/files/write';
import type { TinyBaseOptions } from '@arena/gemma';
import { tinyBaseFor } from '@arena/judge';

/** Writes config.json, model.safetensors, tokenizer.json and tokenizer_config.json. */
export async function writeTinyBase(directory: string, battles: Battle[], options?: TinyBaseOptions): Promise<void> {
  for (const [name, bytes] of Object.entries(tinyBaseFor(battles, options))) {
    await replaceFile(`${directory}/${name}`, bytes);
  }
}
