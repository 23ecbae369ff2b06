/** @file Metadata values read by name and held against what they may be. */
import { quote } from '@arena/files/source';
import { GgufError } from './errors.js';
import type { GgufValue } from './metadata.js';

export type Metadata = ReadonlyMap<string, GgufValue>;

/** Architectures whose tensors and metadata are understood. */
const ARCHITECTURES = ['gemma2', 'gemma3'] as const;

export type Architecture = (typeof ARCHITECTURES)[number];

/** Layers of the 27B models, whose scale of attention llama.cpp derives from the hidden width. */
export const LAYERS_27B: Readonly<Record<Architecture, number>> = { gemma2: 46, gemma3: 62 };

/** The architecture of a model. @throws GgufError naming one that is not known. */
export function architectureOf(metadata: Metadata, file: string): Architecture {
  const architecture = metadata.get('general.architecture');
  if (metadata.get('general.type') === 'adapter') {
    throw new GgufError('architecture', 'is an adapter, not a model: give the model it was made for', file);
  }
  const known = ARCHITECTURES.find((one) => one === architecture);
  if (known) return known;
  const what = typeof architecture === 'string' ? quote(architecture) : 'missing';
  const why = `general.architecture is ${what}; "gemma2" and "gemma3" are known here`;
  throw new GgufError('architecture', why, file, { key: 'general.architecture' });
}

/** Reads the keys of one architecture, given without its name: `block_count` for `gemma3.block_count`. */
export interface Fields {
  /** The value as it stands, under its whole name. */
  raw(key: string): GgufValue | undefined;
  /** A finite number. */
  number(key: string, fallback?: number): number;
  /** A whole number from 1 to 2^24; of a list with one number for each layer, that number. */
  size(key: string, fallback?: number): number;
  text(key: string, fallback: string): string;
  fail(key: string, message: string): never;
}

export function fieldsOf(metadata: Metadata, architecture: Architecture, file: string): Fields {
  const fail = (key: string, message: string): never => {
    throw new GgufError('metadata', message, file, { key: `${architecture}.${key}` });
  };
  const raw = (key: string) => metadata.get(`${architecture}.${key}`);
  const given = (key: string, fallback: number | undefined) => {
    const value = raw(key) ?? fallback;
    return value === undefined ? fail(key, 'is missing') : value;
  };
  return {
    raw,
    fail,
    number(key, fallback) {
      const value = given(key, fallback);
      if (typeof value !== 'number' || !Number.isFinite(value)) return fail(key, `is ${shown(value)}, not a number`);
      return value;
    },
    size(key, fallback) {
      const value = sameForAll(given(key, fallback));
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 2 ** 24) {
        const list = typeof value === 'object' ? ' (layers that differ are not known here)' : '';
        return fail(key, `is ${shown(value)}, not a size${list}`);
      }
      return value;
    },
    text(key, fallback) {
      const value = raw(key) ?? fallback;
      return typeof value === 'string' ? value : fail(key, `is ${shown(value)}, not a text`);
    },
  };
}

/** Far more than any model has: a file that says more is damaged. */
const MAX_LAYERS = 1000;

export function layerCount({ size, fail }: Fields): number {
  const layers = size('block_count');
  return layers <= MAX_LAYERS ? layers : fail('block_count', `is ${layers}, at most ${MAX_LAYERS} are taken`);
}

/** The one number of a list that holds nothing else. */
function sameForAll(value: GgufValue): GgufValue {
  if (typeof value !== 'object' || !ArrayBuffer.isView(value) || value.length === 0) return value;
  const [first] = value;
  return value.every((one: number | bigint) => one === first) ? first : value;
}

/** A value for a message. */
export function shown(value: GgufValue): string {
  if (typeof value === 'string') return quote(value);
  return typeof value === 'object' ? `an array of ${value.length}` : String(value);
}
