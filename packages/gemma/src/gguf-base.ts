/** @file A base that comes as a GGUF file: its weights, its config.json and its tokenizer, as other checkpoints have them. */
import { type DecoderConfig, DecoderError } from '@arena/decoder';
import type { CheckpointView } from '@arena/decoder/checkpoint';
import { parseConfig } from '@arena/decoder/family';
import type { Location, Weights } from '@arena/files';
import { type FileOpener, nodeFs, openerAt } from '@arena/files/source';
import { type GgufFile, ggufConfig, ggufTokenizerFields, ggufWeights, openGguf } from '@arena/gguf';
import type { SentencePieceVocabulary } from '@arena/tokenizer';
import { gemma2 } from './gemma2.js';
import { gemma3 } from './gemma3.js';
import { ggufHubId } from './gguf-hub-id.js';

/** The name that a GGUF file has in a folder that is a function, which nobody can list. */
const IN_A_FOLDER = 'model.gguf';

/** How the names of the parts of a split model end. */
const PART = /-\d{5}-of-\d{5}\.gguf$/i;

/** Where the GGUF file of a base is. */
interface GgufPlace {
  from: Location;
  /** In the folder `from`; without it `from` is the file itself. */
  name?: string;
}

/**
 * The GGUF file of a base: the path or address of one, a folder with one in it and no config.json, or `model.gguf` of a
 * function that opens files; of a split model that is any part, and the function opens the others by their names. Undefined for other checkpoints.
 * @throws DecoderError naming the files when a folder has several models.
 */
async function ggufAt(base: Location): Promise<GgufPlace | undefined> {
  if (typeof base === 'string' && /\.gguf(\?.*)?$/i.test(base)) return { from: base };
  if (typeof base === 'string' && /^https?:\/\//i.test(base)) return undefined;
  const opener = openerAt(base);
  if (await has(opener, 'config.json')) return undefined;
  if (typeof base === 'function') return ggufOf(base);
  const names = await nodeFs()
    .readdir(base)
    .catch((): string[] => []);
  const found = names.filter((name) => /\.gguf$/i.test(name)).sort();
  const models = new Set(found.map((name) => name.replace(PART, '')));
  if (models.size > 1)
    throw new DecoderError(
      'checkpoint',
      `${base}: ${found.join(', ')} are in it: say which, such as ${base}/${found[0]}`,
    );
  return found.length ? { from: base, name: found[0] } : undefined;
}

/** A part of a split model keeps its name, in its source: the others are found by theirs. */
async function ggufOf(opener: FileOpener): Promise<GgufPlace | undefined> {
  const source = await opener(IN_A_FOLDER);
  if (!source) return undefined;
  await source.close?.();
  const name = source.name.split(/[/\\]/).at(-1)!;
  return { from: opener, name: PART.test(name) ? name : IN_A_FOLDER };
}

async function has(opener: FileOpener, name: string): Promise<boolean> {
  const source = await opener(name);
  await source?.close?.();
  return source !== null;
}

/** The GGUF file of a base as a checkpoint that is open, or undefined for other bases. @throws GgufError, and as {@link ggufAt}. */
export async function ggufCheckpoint(base: Location): Promise<CheckpointView | undefined> {
  const file = await openGgufBase(base);
  if (!file) return undefined;
  try {
    const config = JSON.stringify(ggufConfig(file.metadata, file.tensors, file.place));
    return { weights: await ggufWeights(file), config };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What a GGUF file says beside its weights. */
export interface GgufBase {
  /** As of a config.json. */
  config: DecoderConfig;
  /** What `sentencePieceTokenizer` makes a tokenizer of. @throws GgufError when the file has none. */
  vocabulary(): SentencePieceVocabulary;
  /** Whether it says how a chat is written: it was tuned on chats. */
  hasChatTemplate: boolean;
  /** The checkpoint on the hub that it holds, where it says so. */
  hubId?: string;
  /** Its tensors under Hugging Face's names. */
  tensors: Weights['tensors'];
  /** Size of the file, or of all its parts. */
  bytes: number;
  /** SHA-256 of the file in hexadecimal: everything is read. */
  sha256(): Promise<string>;
}

/** Reads the GGUF file of a base but for its weights; undefined for other bases. @throws GgufError, and as {@link ggufAt}. */
export async function readGgufBase(base: Location): Promise<GgufBase | undefined> {
  const file = await openGgufBase(base);
  if (!file) return undefined;
  try {
    const { metadata, place, bytes } = file;
    const config = parseGgufConfig(file);
    const { tensors } = await ggufWeights(file);
    return {
      config,
      vocabulary() {
        const { tokens, ...fields } = ggufTokenizerFields(metadata, place);
        return { ...fields, tokens: [...tokens] };
      },
      hasChatTemplate: metadata.has('tokenizer.chat_template'),
      hubId: ggufHubId(metadata),
      tensors,
      bytes,
      async sha256() {
        const again = await openGgufBase(base);
        return again!.sha256().finally(() => again!.close());
      },
    };
  } finally {
    await file.close();
  }
}

function parseGgufConfig({ metadata, tensors, place }: GgufFile): DecoderConfig {
  return parseConfig(JSON.stringify(ggufConfig(metadata, tensors, place)), [gemma2, gemma3], place);
}

/** The GGUF file of a base, open; undefined for other bases. @throws GgufError, and as {@link ggufAt}. */
export async function openGgufBase(base: Location): Promise<GgufFile | undefined> {
  const place = await ggufAt(base);
  return place && openGguf(place.from, place.name);
}
