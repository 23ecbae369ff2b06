/** @file Finds a base checkpoint by folder or hub id. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { hubFolder, type Location } from '@arena/files';
import { hubModel } from '@arena/files/hub';
import type { Base } from '@arena/judge/card';
import { openBase } from '@arena/judge/run';
import { onInterrupt } from '../interrupt.js';
import { type Progress, progress } from '../progress.js';
import { accessToken, cachedSnapshot, downloadModel, hubPlaces } from './cache.js';

const HUB_ID = /^\w[\w.-]*\/\w[\w.-]*$/;

/**
 * The folder of a base. A hub id (`google/gemma-2-2b`) means its newest snapshot in Hugging Face's cache on this
 * machine; a missing one is downloaded (unless `HF_HUB_OFFLINE=1`).
 * @throws Error saying which places were searched and what to do.
 */
export async function resolveBase(base: string): Promise<string> {
  if (!HUB_ID.test(base) || (await stat(base).catch(() => undefined))) return base;
  const cached = await cachedSnapshot(base);
  if (cached) return cached;
  const { cache, offline } = hubPlaces();
  const missing = `${base}: no such folder, and no such model in ${cache}`;
  if (offline) throw new Error(`${missing}; download it first (HF_HUB_OFFLINE is set, so it is not downloaded now)`);
  let bar: Progress | undefined;
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  try {
    return await downloadModel(base, {
      onModel: (_, bytes) => {
        bar = progress({ label: `downloading ${base}`, total: megabytes(bytes), unit: 'MB' });
      },
      onProgress: ({ bytes, file }) => bar?.update(megabytes(bytes), file),
      signal: onInterrupt(),
    });
  } catch (error) {
    onInterrupt().throwIfAborted();
    throw new Error(`${missing}; ${(error as Error).message.replace(`${base}: `, '')}`);
  } finally {
    bar?.finish();
  }
}

/**
 * Where a base can be inspected: its folder, or the hub for a base that is not on this machine. Downloads nothing.
 * @throws Error as {@link resolveBase}.
 */
export async function peekBase(base: string): Promise<Location> {
  if (!HUB_ID.test(base) || (await stat(base).catch(() => undefined))) return base;
  const cached = await cachedSnapshot(base);
  if (cached) return cached;
  const { endpoint, offline } = hubPlaces();
  if (offline) return resolveBase(base); // its error says what is missing
  const model = await hubModel(base, { endpoint, token: await accessToken() });
  return hubFolder(model);
}

/**
 * Opens a base without its weights, under the name that adapters give it.
 * @throws Error as {@link resolveBase} and `openBase`.
 */
export async function openNamedBase(base: string): Promise<Base> {
  const opened = await openBase(await resolveBase(base), base);
  return { ...opened, name: await baseName(base) };
}

/** How an adapter names its base: a hub id stays as it is, a folder becomes absolute. */
export async function baseName(base: string): Promise<string> {
  return (await resolveBase(base)) === base ? resolve(base) : base;
}
