/** @file A checkpoint folder: `model.safetensors`, or `model.safetensors.index.json` and its files. */
import type { ByteSource, Location } from '@arena/files';
import { type FileOpener, openerAt, placeName, quote } from '@arena/files/source';
import { fileText } from '@arena/files/text';
import { SafetensorsError } from './error.js';
import type { TensorEntry } from './header.js';
import { doubledKey } from './json-keys.js';
import { parsePythonJson } from './python-json.js';
import { entryOf, openSafetensors, type SafetensorsFile, type TensorReader } from './reader.js';

/** An open checkpoint. */
export interface Checkpoint extends TensorReader {
  /** Names of its .safetensors files. */
  readonly files: string[];
  /** `__metadata__` of the first file. */
  readonly metadata: Record<string, string> | null;
  /** Bytes of all tensors together. */
  readonly totalBytes: number;
}

/** Names and limits of the files. Default largest index: 1e8 bytes. */
export interface CheckpointOptions {
  /** First part of the names (default `model`; PEFT's adapters use `adapter_model`). */
  basename?: string;
  /** Largest index.json to read, in bytes. */
  maxIndexBytes?: number;
}

/**
 * Opens a checkpoint: a folder on disk (Node), one on the web, or any place by a function that opens a file by name.
 * Reads and checks all headers. Tensors are read on demand.
 * @throws SafetensorsError when both files are missing, the index is invalid, names a file outside the folder or a
 * missing one, or a file lacks a tensor of the index.
 * @example
 * const checkpoint = await openCheckpoint('gemma-2-2b');
 * const row = await checkpoint.readRows('model.embed_tokens.weight', 7, 8); // reads only these bytes
 */
export async function openCheckpoint(location: Location, options: CheckpointOptions = {}): Promise<Checkpoint> {
  const { basename = 'model', maxIndexBytes = 100_000_000 } = options;
  const place = placeName(location);
  const open = openerAt(location);
  const files = new Map<string, SafetensorsFile>();
  try {
    const single = `${basename}.safetensors`;
    const source = await open(single);
    const homes = new Map<string, string>();
    if (source) {
      const file = await openShard(source);
      files.set(single, file);
      for (const name of file.tensors.keys()) homes.set(name, single);
    } else {
      const indexName = `${single}.index.json`;
      for (const [name, file] of await readIndex(open, indexName, place, maxIndexBytes)) homes.set(name, file);
      for (const file of new Set(homes.values())) {
        const shard = await open(file);
        if (!shard)
          throw new SafetensorsError('not_found', `${quote(file)}, which ${indexName} names, is missing`, place);
        files.set(file, await openShard(shard));
      }
    }
    return checkpointOf(files, homes, place);
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

function checkpointOf(files: Map<string, SafetensorsFile>, homes: Map<string, string>, place: string): Checkpoint {
  const tensors = new Map<string, TensorEntry>();
  let totalBytes = 0;
  for (const [name, file] of homes) {
    const entry = files.get(file)!.tensors.get(name);
    if (!entry)
      throw new SafetensorsError('format', `the index says that ${quote(file)} holds it, but it does not`, place, name);
    tensors.set(name, entry);
    totalBytes += entry.end - entry.begin;
  }
  const fileOf = (name: string) => files.get(entryOf(homes, name, place))!;
  return {
    tensors,
    totalBytes,
    files: [...files.keys()],
    metadata: [...files.values()][0]?.metadata ?? null,
    names: () => [...tensors.keys()],
    read: async (name) => fileOf(name).read(name),
    readRows: async (name, rowBegin, rowEnd) => fileOf(name).readRows(name, rowBegin, rowEnd),
    close: () => closeAll(files),
  };
}

/** Tensor name to file name. */
async function readIndex(
  open: FileOpener,
  indexName: string,
  place: string,
  maxBytes: number,
): Promise<[string, string][]> {
  const source = await open(indexName);
  if (!source) {
    const single = indexName.slice(0, -'.index.json'.length);
    throw new SafetensorsError(
      'not_found',
      `neither ${single} nor ${indexName} is there; is this a checkpoint folder?`,
      place,
    );
  }
  try {
    const fail = (message: string) => new SafetensorsError('format', message, source.name);
    if (source.size > maxBytes) throw fail(`has ${source.size} bytes, the limit for an index is ${maxBytes}`);
    const text = fileText(await source.read(0, source.size), source.name, fail);
    let json: { weight_map?: unknown } | null;
    try {
      json = parsePythonJson(text) as { weight_map?: unknown } | null;
    } catch (error) {
      throw fail(`is not JSON: ${(error as Error).message}`);
    }
    const map = json?.weight_map;
    if (typeof map !== 'object' || map === null || Array.isArray(map)) throw fail('has no "weight_map" object');
    const doubled = doubledKey(text);
    if (doubled !== undefined) throw fail(`holds the key ${quote(doubled)} twice`);
    const entries = Object.entries(map as Record<string, unknown>);
    if (!entries.length) throw fail('its "weight_map" is empty');
    for (const [name, file] of entries) {
      if (typeof file !== 'string' || !/^[^/\\:\0]+\.safetensors$/.test(file)) {
        const got = quote(JSON.stringify(file));
        throw new SafetensorsError('format', `${got} is not the plain name of a .safetensors file`, source.name, name);
      }
    }
    return entries as [string, string][];
  } finally {
    await source.close?.();
  }
}

async function openShard(source: ByteSource): Promise<SafetensorsFile> {
  try {
    return await openSafetensors(source);
  } catch (error) {
    await source.close?.();
    throw error;
  }
}

async function closeAll(files: Map<string, SafetensorsFile>): Promise<void> {
  await Promise.all([...files.values()].map((file) => file.close()));
}
