/** @file arena.json beside an adapter or a merged checkpoint: what inference needs to repeat training's packing. */
import type { QuantizationOptions } from '@arena/decoder/checkpoint';
import type { Location } from '@arena/files';
import { placeName } from '@arena/files/source';
import { readTextAt } from '@arena/files/text';
import type { LoadGemmaOptions } from '@arena/gemma';
import type { Base } from './base.js';
import { JudgeError } from './error.js';
import type { HubPlace } from './hub-place.js';
import type { Head } from './objectives/objective.js';
import type { TrainingSettings } from './settings.js';
import type { JudgeStyle } from './style.js';

/** Content of arena.json. */
export type ModelCard = Head & {
  format: typeof FORMAT;
  /** The adapter's name for its base. Cards of the browser page's first versions lack it. */
  base?: string;
  /** Where the base is on the hub, if that was known. */
  baseHub?: HubPlace;
  /** Form of the base's linears: NF4, float (null), or as stored in its file. */
  quantization: QuantizationOptions | null | 'stored';
  /** First layers of the base that the judge has, where these are not all. */
  layers?: number;
  /** Size and digest of a base that is one file. */
  baseFile?: { bytes: number; sha256: string };
  /** Digest of a base of several files, where whoever opened it said it: {@link Base.sha256}. */
  baseSha256?: string;
  /** Seed of the run. */
  seed?: number;
  /** Set for a merged checkpoint. */
  merged?: true;
  /** What the style of the answers adds to the judge's margin. Without it the margin is all. */
  style?: JudgeStyle;
};

const FORMAT = 'arena-model-1';
const HEADS: readonly string[] = ['classes', 'reward'];

/** The card of a judge with these settings. */
export function cardOf(
  { head, pack }: Head,
  { name, hub, stored }: Pick<Base, 'name' | 'hub' | 'stored'>,
  { quantize, doubleQuant, layers, seed }: Pick<TrainingSettings, 'quantize' | 'doubleQuant' | 'layers' | 'seed'>,
): ModelCard {
  const how = quantize === 'auto' ? (stored === 'float' ? 'nf4' : 'stored') : quantize;
  const quantization = how === 'nf4' ? { doubleQuant } : how === 'none' ? null : how;
  // TypeScript cannot tie the packing to its head
  const card = { format: FORMAT, base: name, ...(hub ? { baseHub: hub } : {}), head, pack, quantization, seed };
  return (layers === undefined ? card : { ...card, layers }) as ModelCard;
}

/** The use of a base's linears that a card names, as `loadGemma` takes it. Linears stored in 4 bits stay so. */
export function quantizationOf(
  { quantization }: Pick<ModelCard, 'quantization'>,
  { stored }: Pick<Base, 'stored'>,
): LoadGemmaOptions['quantization'] {
  if (quantization === 'stored' || stored === '4bit') return undefined;
  return quantization ?? 'none';
}

/** The card as the text of arena.json. */
export function formatCard(card: ModelCard): string {
  return `${JSON.stringify(card, null, 2)}\n`;
}

/**
 * Reads a text that {@link formatCard} wrote, or an earlier version. Fields that earlier versions lack had one value: a
 * head of classes on a base in NF4 with double quantisation.
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
 * @param missing Replaces a missing card. Default: a missing card is an error.
 * @throws JudgeError when it is missing (an adapter of another tool) or of another format.
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

/** The card of a merged checkpoint. Undefined for other bases. @throws JudgeError as {@link readCard}. */
export async function mergedCard(base: Location): Promise<ModelCard | undefined> {
  const card = await cardAt(base, `${placeName(base)}/arena.json`);
  return card?.merged && card;
}

async function cardAt(location: Location, path: string): Promise<ModelCard | undefined> {
  const text = await readTextAt(location, 'arena.json', {
    maxBytes: MAX_BYTES,
    fail: (reason) => new JudgeError('card', `${path}: ${reason}`),
  });
  return text === null ? undefined : parseCard(text, path);
}

/** Largest arena.json to read. */
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
