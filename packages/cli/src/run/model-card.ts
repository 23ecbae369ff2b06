/** @file arena.json, which stands beside an adapter or a merged checkpoint: what inference must do as training did. */
import { readFile, stat } from 'node:fs/promises';
import type { AnswerPackOptions, PackOptions } from '@arena/data';
import type { QuantizationOptions } from '@arena/decoder';

/** What the head says, and how prompt and answers become tokens for it. */
export type Head =
  /** Probabilities of A, B and, with three classes, a tie: both answers are in one sequence. */
  | { head: 'classes'; pack: PackOptions }
  /** A reward for each answer, which is alone in its sequence: P(A) = sigmoid(reward of A - reward of B). */
  | { head: 'reward'; pack: AnswerPackOptions };

export type ModelCard = Head & {
  format: 'arena-model-1';
  base: string;
  /** null: the base is used in float. */
  quantization: QuantizationOptions | null;
  seed: number;
  /** Set beside a checkpoint that the adapter was merged into. */
  merged?: true;
};

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
    throw new Error(
      `${path}: cannot be read (${error.code}); a folder that arena train or arena merge wrote has it: it says how the input is packed`,
    );
  });
  let card: ModelCard;
  try {
    card = JSON.parse(text) as ModelCard;
  } catch (error) {
    throw new Error(`${path}: not JSON (${(error as Error).message})`);
  }
  if (card?.format !== 'arena-model-1') throw new Error(`${path}: format ${card?.format} is not arena-model-1`);
  card.head ??= 'classes'; // before there were others it was not written
  if (card.head !== 'classes' && card.head !== 'reward') {
    throw new Error(`${path}: head is ${JSON.stringify((card as Head).head)}, 'classes' or 'reward' is expected`);
  }
  return card;
}

/** The card of a checkpoint that `arena merge` wrote; undefined for other bases. */
export async function mergedCard(base: string): Promise<ModelCard | undefined> {
  if (!(await stat(`${base}/arena.json`).catch(() => undefined))) return undefined;
  const card = await readModelCard(base);
  return card.merged && card;
}
