/** @file JSON of a file, with errors that name it. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileText } from '@arena/files/text';

/** Options of {@link readJson}. */
export interface ReadJsonOptions {
  /** What to do about a file that is missing or damaged. */
  advice?: string;
}

/**
 * Reads a file of JSON. A byte order mark is passed by.
 * @throws Error naming the file when it is missing, is not UTF-8 or is no JSON.
 */
export async function readJson(path: string, { advice }: ReadJsonOptions = {}): Promise<unknown> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, error, advice);
  });
  return parse(bytes, path, advice);
}

/** {@link readJson} at once. */
export function readJsonSync(path: string, { advice }: ReadJsonOptions = {}): unknown {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw unreadable(path, error as NodeJS.ErrnoException, advice);
  }
  return parse(bytes, path, advice);
}

/** Whether a value is a JSON object, neither a list nor null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(path: string, { code }: NodeJS.ErrnoException, advice?: string): Error {
  return new Error(`${path}: cannot be read (${code})${advice ? `; ${advice}` : ''}`);
}

function parse(bytes: Uint8Array, path: string, advice?: string): unknown {
  const more = advice ? `; ${advice}` : '';
  const text = fileText(bytes, path, (reason) => new Error(`${path}: ${reason}${more}`));
  if (text.trim() === '') throw new Error(`${path}: is empty, JSON is expected${more}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${path}: is not JSON (${(error as Error).message})${more}`);
  }
}
