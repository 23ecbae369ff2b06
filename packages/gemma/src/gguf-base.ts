/** @file A base that comes as a GGUF file: its weights, its config.json and its tokenizer, as other checkpoints have them. */
import type { CheckpointView } from '@arena/decoder/checkpoint';
import type { Location, Weights } from '@arena/files';
import { type FileOpener, nodeFs, openerAt } from '@arena/files/source';
import { type GgufFile, ggufConfig, ggufTokenizerFields, ggufWeights, openGguf } from '@arena/gguf';
import type { SentencePieceVocabulary } from '@arena/tokenizer';

/** The name that a GGUF file has in a folder that is a function, which nobody can list. */
const IN_A_FOLDER = 'model.gguf';

/** Where the GGUF file of a base is. */
export interface GgufPlace {
  from: Location;
  /** In the folder `from`; without it `from` is the file itself. */
  name?: string;
}

/**
 * The GGUF file of a base: the path or address of one, a folder with one in it and no config.json, or `model.gguf` of a
 * function that opens files. Undefined for other checkpoints.
 * @throws Error naming the files when a folder has several models.
 */
export async function ggufAt(base: Location): Promise<GgufPlace | undefined> {
  if (typeof base === 'string' && /\.gguf(\?.*)?$/i.test(base)) return { from: base };
  if (typeof base === 'string' && /^https?:\/\//i.test(base)) return undefined;
  const opener = openerAt(base);
  if (await has(opener, 'config.json')) return undefined;
  if (typeof base === 'function') return (await has(base, IN_A_FOLDER)) ? { from: base, name: IN_A_FOLDER } : undefined;
  const names = await nodeFs()
    .readdir(base)
    .catch((): string[] => []);
  const found = names.filter((name) => /\.gguf$/i.test(name)).sort();
  const models = new Set(found.map((name) => name.replace(/-\d{5}-of-\d{5}\.gguf$/i, '')));
  if (models.size > 1)
    throw new Error(`${base}: ${found.join(', ')} are in it: say which, such as ${base}/${found[0]}`);
  return found.length ? { from: base, name: found[0] } : undefined;
}

async function has(opener: FileOpener, name: string): Promise<boolean> {
  const source = await opener(name);
  await source?.close?.();
  return source !== null;
}

/** The GGUF file of a base as a checkpoint that is open, or undefined for other bases. @throws GgufError, and as {@link ggufAt}. */
export async function ggufCheckpoint(base: Location): Promise<CheckpointView | undefined> {
  const file = await openAt(base);
  if (!file) return undefined;
  try {
    const config = JSON.stringify(ggufConfig(file.metadata, file.tensors));
    return { weights: await ggufWeights(file), config };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * The vocabulary in the GGUF file of a base, of which `sentencePieceTokenizer` makes a tokenizer; undefined for other bases.
 * @throws GgufError when the file has none.
 */
export async function ggufVocabulary(base: Location): Promise<SentencePieceVocabulary | undefined> {
  const file = await openAt(base);
  if (!file) return undefined;
  try {
    const { tokens, ...fields } = ggufTokenizerFields(file.metadata, file.place);
    return { ...fields, tokens: [...tokens] };
  } finally {
    await file.close();
  }
}

async function openAt(base: Location): Promise<GgufFile | undefined> {
  const place = await ggufAt(base);
  return place && openGguf(place.from, place.name);
}

/** Weights whose blocks are widened, for checkpoints that know no blocks: every tensor is stored in float32. */
export function widenedWeights(weights: Weights): Weights {
  const values = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
  return {
    place: weights.place,
    tensors: new Map(
      [...weights.tensors].map(([name, { shape }]) => [name, { shape, stored: 'F32', bytes: 4 * values(shape) }]),
    ),
    readFloat32: (name, rows) => weights.readFloat32(name, rows),
    async *readStored(name) {
      const [rows, ...row] = weights.tensors.get(name)!.shape;
      const step = Math.max(1, Math.floor(WIDENED_VALUES / values(row)));
      for (let begin = 0; begin < rows; begin += step) {
        const part = await weights.readFloat32(name, [begin, Math.min(rows, begin + step)]);
        yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
      }
    },
    close: () => weights.close(),
  };
}

/** Values that are widened at a time. */
const WIDENED_VALUES = 2 ** 22;
