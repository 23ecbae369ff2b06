/** @file A case folder of golden numbers, and what comparing with it gives. */
import { type ByteSource, bytesSource, type Location, readFileAt } from '@arena/files';
import { openSafetensors, type SafeTensor } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';

/**
 * Where cases come from: a folder on disk, or an address. Paths have '/' between folders, from the root of the
 * fixtures.
 */
export interface CaseSource {
  /** Folders with a case.json, sorted. */
  folders: string[];
  /** A folder below the root. */
  location(folder: string): Location;
  /** A file outside the fixtures. Null where it is missing. */
  input(name: 'gemma2-tokenizer.json' | 'arena-like.jsonl'): Promise<Uint8Array | null>;
  /** The packaged Gemma 3 270M, which no repository holds: null where it is not at hand. */
  gemma3(): Promise<ByteSource | null>;
}

/** A folder with a case.json. */
export interface Case {
  source: CaseSource;
  folder: string;
  area: string;
  name: string;
  json: CaseJson;
}

/** case.json: fields differ by area. */
export type CaseJson = Record<string, unknown> & { tolerance?: unknown };

/** One comparison: `error` in units of the tolerance, so that above 1 fails. */
export interface Check {
  name: string;
  error: number;
}

/** A file that a case needs is missing: the case does not run. */
export class MissingInput extends Error {
  override readonly name = 'MissingInput';
}

/** A folder of the case, as a location. */
export function folderOf({ source, folder }: Case, name: string): Location {
  return source.location(`${folder}/${name}`);
}

/** A folder that cases share, by its path from the root. */
export function sharedFolder({ source }: Case, json: unknown): Location {
  return source.location(json as string);
}

/** A file of the case. @throws Error when it is missing. */
export async function readBytes(one: Case, file: string): Promise<Uint8Array> {
  const bytes = await findBytes(one, file);
  if (!bytes) throw new Error(`${one.folder}/${file} is missing`);
  return bytes;
}

export async function findBytes({ source, folder }: Case, file: string): Promise<Uint8Array | null> {
  const path = `${folder}/${file}`.split('/');
  const name = path.pop()!;
  return readFileAt(source.location(path.join('/')), name);
}

export async function readJson<T>(one: Case, file: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await readBytes(one, file))) as T;
}

export async function readTensors(one: Case, file: string): Promise<Map<string, SafeTensor>> {
  const open = await openSafetensors(bytesSource(await readBytes(one, file), file));
  const tensors = new Map<string, SafeTensor>();
  for (const name of open.names()) tensors.set(name, await open.read(name));
  return tensors;
}

/** SHA-256 in hexadecimal. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function floats(tensors: Map<string, SafeTensor>, name: string): Float32Array {
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`the case has no tensor '${name}'`);
  return toFloat32(tensor);
}

/** How far values may be apart: elementwise, or by the norm of the difference. */
export interface Tolerance {
  rtol?: number;
  atol?: number;
  rel_l2?: number;
  rel_l2_per_tensor?: number;
}

/**
 * The tolerance that case.json states under a key: an object, `exact`, or a text that names a rel_l2.
 * @throws Error when there is none: a case without a tolerance cannot be judged.
 */
export function toleranceOf({ json }: Case, key: string): Tolerance {
  const all = json.tolerance;
  const value = typeof all === 'string' ? all : (all as Record<string, unknown> | undefined)?.[key];
  if (value === 'exact') return {};
  const relative = typeof value === 'string' ? /rel_l2 ([0-9.e-]+)/.exec(value) : null;
  if (relative) return { rel_l2: Number(relative[1]) };
  if (typeof value !== 'object' || value === null) throw new Error(`case.json states no tolerance for '${key}'`);
  return value as Tolerance;
}

/** Compares two arrays; a difference in length is infinite error. */
export function compare(name: string, got: ArrayLike<number>, want: ArrayLike<number>, tolerance: Tolerance): Check {
  if (got.length !== want.length)
    return { name: `${name} (${got.length} values, not ${want.length})`, error: Infinity };
  const relative = tolerance.rel_l2 ?? tolerance.rel_l2_per_tensor;
  if (relative !== undefined) {
    let difference = 0;
    let norm = 0;
    for (let i = 0; i < got.length; i++) {
      difference += (got[i] - want[i]) ** 2;
      norm += want[i] ** 2;
    }
    if (!(difference > 0)) return { name, error: difference === 0 ? 0 : Infinity };
    return { name, error: norm ? Math.sqrt(difference / norm) / relative : Infinity };
  }
  const { rtol = 0, atol = 0 } = tolerance;
  let error = 0;
  for (let i = 0; i < got.length; i++) {
    if (Object.is(got[i], want[i]) || got[i] === want[i]) continue;
    const one = Math.abs(got[i] - want[i]) / (atol + rtol * Math.abs(want[i]));
    if (!(one <= error)) error = Number.isNaN(one) ? Infinity : one;
  }
  return { name, error };
}

/** Equality of anything that JSON can say. */
export function same(name: string, got: unknown, want: unknown): Check {
  return { name, error: JSON.stringify(got) === JSON.stringify(want) ? 0 : Infinity };
}
