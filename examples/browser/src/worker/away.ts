/** @file What a person takes away: a zip with the adapter and, where nobody else has it, the base. */
import { bytesFolder } from '@arena/files';
import { unzipSync, zipSync } from 'fflate';
import { type Base, reopenedTiny } from './base.js';
import { digests } from './digests.js';

/** Says what the base in the zip is, so that a changed one is noticed. */
const LABEL = 'base/sha256.json';

/** The zip. */
export function takeAway(adapter: Record<string, Uint8Array>, { files }: Base): Uint8Array {
  const all: Record<string, Uint8Array> = {};
  for (const [name, bytes] of Object.entries(adapter)) all[`adapter/${name}`] = bytes;
  if (files) {
    for (const [name, bytes] of Object.entries(files)) all[`base/${name}`] = bytes;
    all[LABEL] = new TextEncoder().encode(JSON.stringify(digests(files), null, 2));
  }
  return zipSync(all, { level: 6 });
}

/**
 * Reads such a zip, or the files of an adapter folder.
 * @throws Error when the base in it is not what the zip was made with.
 */
export async function readAway(files: File[]): Promise<{ adapter: Record<string, Uint8Array>; base?: Base }> {
  const found: Record<string, Uint8Array> = {};
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (!file.name.endsWith('.zip')) found[file.name] = bytes;
    else Object.assign(found, unzipped(bytes, file.name));
  }
  const base: Record<string, Uint8Array> = {};
  const adapter: Record<string, Uint8Array> = {};
  for (const [path, bytes] of Object.entries(found)) {
    const name = path.split('/').at(-1)!;
    if (path === LABEL) continue;
    if (/(^|\/)base\/[^/]+$/.test(path)) base[name] = bytes;
    else adapter[name] = bytes; // without its folder: zips of other tools have one of another name
  }
  if (!Object.keys(base).length) return { adapter };
  const told = JSON.parse(new TextDecoder().decode(found[LABEL] ?? new Uint8Array([123, 125]))) as object;
  if (JSON.stringify(told) !== JSON.stringify(digests(base))) {
    throw new Error('the base in this zip is not the one that the adapter was saved with: save both again');
  }
  return { adapter, base: await reopenedTiny(bytesFolder(base), base) };
}

function unzipped(bytes: Uint8Array, name: string): Record<string, Uint8Array> {
  try {
    return unzipSync(bytes);
  } catch (error) {
    throw new Error(`${name}: cannot be read as a zip (${(error as Error).message})`);
  }
}
