/** @file Finds a base checkpoint by folder or hub id. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { hubFolder, type Location } from '@arena/files';
import { accessToken, hubModel, hubPlaces } from '@arena/files/hub';
import { type Base, HUB_NAME } from '@arena/judge/card';
import { openBase } from '@arena/judge/run';
import { onInterrupt } from '../interrupt.js';
import { type Progress, progress } from '../progress.js';
import { type Content, cachedSnapshot, downloadModel } from './cache.js';

/** The hub's model, file and revision that a base names; undefined for what lies on this machine. */
async function onHub(base: string): Promise<{ id: string; file?: string; revision?: string } | undefined> {
  const { id, file, revision } = HUB_NAME.exec(base)?.groups ?? {};
  if (id === undefined || (await stat(base).catch(() => undefined))) return undefined;
  return { id, file, revision };
}

/**
 * The folder or file of a base. A hub id (`google/gemma-2-2b`, or with a GGUF file,
 * `owner/model/file.gguf`) means its newest snapshot in Hugging Face's cache on this
 * machine, or that of a revision (`google/gemma-2-2b@main`); a missing one is downloaded (unless `HF_HUB_OFFLINE=1`).
 * @throws Error saying which places were searched and what to do.
 */
export async function resolveBase(base: string): Promise<string> {
  return resolveOnHub(base, 'base');
}

/**
 * The folder of an adapter: its path, or its id on the hub, by the rules of {@link resolveBase}.
 * @throws Error as `resolveBase`.
 */
export async function resolveAdapter(adapter: string): Promise<string> {
  return resolveOnHub(adapter, 'adapter');
}

async function resolveOnHub(base: string, content: Content): Promise<string> {
  const named = await onHub(base);
  if (!named) return base;
  const { id, file, revision } = named;
  const place = (snapshot: string) => (file === undefined ? snapshot : join(snapshot, file));
  const cached = await cachedSnapshot(id, { file, revision, content });
  if (cached) return place(cached);
  const { cache, offline } = hubPlaces();
  const missing = `${base}: no such folder, and no such model in ${cache}`;
  if (offline) throw new Error(`${missing}; download it first (${offline} is set, so it is not downloaded now)`);
  let bar: Progress | undefined;
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  try {
    const snapshot = await downloadModel(id, {
      file,
      revision,
      onModel: (_, bytes) => {
        bar = progress({ label: `downloading ${base}`, total: megabytes(bytes), unit: 'MB' });
      },
      onProgress: ({ bytes, file: name }) => bar?.update(megabytes(bytes), name),
      signal: onInterrupt(),
    });
    return place(snapshot);
  } catch (error) {
    onInterrupt().throwIfAborted();
    throw new Error(`${missing}; ${(error as Error).message.replace(`${id}: `, '')}`, { cause: error });
  } finally {
    bar?.finish();
  }
}

/**
 * Where a base can be inspected: its folder, or the hub for a base that is not on this machine. Downloads nothing.
 * @throws Error as {@link resolveBase}.
 */
export async function peekBase(base: string): Promise<Location> {
  const named = await onHub(base);
  if (!named) return base;
  const { id, file, revision } = named;
  const cached = await cachedSnapshot(id, { file, revision, content: 'base' });
  if (cached) return file === undefined ? cached : join(cached, file);
  const { endpoint, offline } = hubPlaces();
  if (offline) return resolveBase(base); // its error says what is missing
  const open = hubFolder(await hubModel(id, { file, revision, endpoint, token: await accessToken() }));
  return file === undefined ? open : (name) => open(name === 'model.gguf' ? file : name);
}

/**
 * Opens a base without its weights, under the name that adapters give it.
 * @param before The base and commit of a run that goes on, `owner/name@commit`: the same is opened again.
 * @throws Error as {@link resolveBase} and `openBase`.
 */
export async function openNamedBase(base: string, before?: string): Promise<Base> {
  const named = before === undefined ? undefined : await onHub(base);
  const commit = before?.split('@')[1];
  const isNewest = named && named.revision === undefined && commit !== undefined;
  const location = await resolveBase(isNewest ? `${base}@${commit}` : base);
  return openBase(location, await baseName(base));
}

/** How an adapter names its base: a hub id stays as it is, a folder becomes absolute. */
export async function baseName(base: string): Promise<string> {
  return (await onHub(base)) ? base : resolve(base);
}
