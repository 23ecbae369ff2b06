/** @file arena.json, which stands beside an adapter or a merged checkpoint: what inference must do as training did. */
import type { QuantizationOptions } from '@arena/decoder/checkpoint';
import { type Location, readFileAt } from '@arena/files';
import { placeName } from '@arena/files/source';
import type { LoadGemmaOptions } from '@arena/gemma';
import type { Base } from './base.js';
import { JudgeError } from './error.js';
import type { Head } from './objectives/objective.js';
import type { TrainingSettings } from './settings.js';

/** Content of arena.json. */
export type ModelCard = Head & {
  format: typeof FORMAT;
  /** How the adapter names its base. Cards of the browser page's first versions do not say. */
  base?: string;
  /** How the base's linears are used: in NF4, in float (null), or as its file stores them. */
  quantization: QuantizationOptions | null | 'stored';
  /** Of a base that is one file. */
  baseFile?: { bytes: number; sha256: string };
  /** Of the run. */
  seed?: number;
  /** Set beside a checkpoint that the adapter was merged into. */
  merged?: true;
};

const FORMAT = 'arena-model-1';
const HEADS: readonly string[] = ['classes', 'reward'];

/** The card of what was trained with these settings. */
export function cardOf(
  { head, pack }: Head,
  { name, stored }: Pick<Base, 'name' | 'stored'>,
  { quantize, doubleQuant, seed }: Pick<TrainingSettings, 'quantize' | 'doubleQuant' | 'seed'>,
): ModelCard {
  const how = quantize === 'auto' ? (stored === 'float' ? 'nf4' : 'stored') : quantize;
  const quantization = how === 'nf4' ? { doubleQuant } : how === 'none' ? null : how;
  // TypeScript loses which packing goes with which head
  return { format: FORMAT, base: name, head, pack, quantization, seed } as ModelCard;
}

/** What a card says of its base's linears, as `loadGemma` takes it. */
export function quantizationOf({ quantization }: ModelCard): LoadGemmaOptions['quantization'] {
  return quantization === 'stored' || quantization === null ? undefined : quantization;
}

/** The card as the text of arena.json. */
export function formatCard(card: ModelCard): string {
  return `${JSON.stringify(card, null, 2)}\n`;
}

/**
 * Reads a text that {@link formatCard} wrote, or an earlier version. What that did not say yet was always the same: a head of
 * classes on a base in NF4 with double quantisation.
 * @param path For messages.
 * @throws JudgeError when it is of another format.
 */
export function parseCard(text: string, path: string): ModelCard {
  let card: ModelCard | null;
  try {
    card = JSON.parse(text) as ModelCard | null;
  } catch (error) {
    throw new JudgeError('card', `${path}: not JSON (${(error as Error).message})`);
  }
  if (card?.format !== FORMAT) throw new JudgeError('card', `${path}: format ${card?.format} is not ${FORMAT}`);
  card.head ??= 'classes';
  if (!HEADS.includes(card.head)) {
    throw new JudgeError('card', `${path}: head is ${JSON.stringify(card.head)}, 'classes' or 'reward' is expected`);
  }
  if (card.quantization === undefined) card.quantization = { doubleQuant: true };
  return card;
}

/**
 * Reads the arena.json of an adapter, or of a merged checkpoint.
 * @param missing What stands for one that is missing. Default: that is an error.
 * @throws JudgeError when it is missing (an adapter that was not trained here) or of another format.
 */
export async function readCard(location: Location, missing?: ModelCard): Promise<ModelCard> {
  const path = `${placeName(location)}/arena.json`;
  const card = (await cardAt(location, path)) ?? missing;
  if (card) return card;
  throw new JudgeError(
    'card',
    `${path}: cannot be read (ENOENT); a folder that arena train or arena merge wrote has it: it says how the input is packed`,
  );
}

/** The card of a checkpoint that an adapter was merged into; undefined for other bases. @throws JudgeError as {@link readCard}. */
export async function mergedCard(base: Location): Promise<ModelCard | undefined> {
  const card = await cardAt(base, `${placeName(base)}/arena.json`);
  return card?.merged && card;
}

async function cardAt(location: Location, path: string): Promise<ModelCard | undefined> {
  const bytes = await readFileAt(location, 'arena.json', { maxBytes: MAX_BYTES });
  return bytes ? parseCard(new TextDecoder().decode(bytes), path) : undefined;
}

/** Largest arena.json that is read. */
const MAX_BYTES = 1e6;

/**
 * The base that a card names.
 * @throws JudgeError when it names none.
 */
export function baseOfCard({ base }: ModelCard, place: string): string {
  if (base !== undefined) return base;
  throw new JudgeError(
    'settings',
    `${place}: its arena.json does not say what base it was trained on; \`base\` has to`,
  );
}
