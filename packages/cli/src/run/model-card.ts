/** @file arena.json, which stands beside an adapter: what inference must do as training did. */
import { readFile } from 'node:fs/promises';
import type { PackOptions } from '@arena/data';
import type { QuantizationOptions } from '@arena/gemma';

export interface ModelCard {
  format: 'arena-model-1';
  base: string;
  /** How prompt and answers become tokens. */
  pack: PackOptions;
  /** null: the base is used in float. */
  quantization: QuantizationOptions | null;
  seed: number;
}

export function formatModelCard(card: ModelCard): string {
  return `${JSON.stringify(card, null, 2)}\n`;
}

/**
 * Reads an adapter folder's arena.json.
 * @throws Error when it is missing (an adapter that was not trained here) or of another format.
 */
export async function readModelCard(adapter: string): Promise<ModelCard> {
  const path = `${adapter}/arena.json`;
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be read (${error.code}); it says how the adapter's input is packed`);
  });
  let card: ModelCard;
  try {
    card = JSON.parse(text) as ModelCard;
  } catch (error) {
    throw new Error(`${path}: not JSON (${(error as Error).message})`);
  }
  if (card?.format !== 'arena-model-1') throw new Error(`${path}: format ${card?.format} is not arena-model-1`);
  return card;
}
