/** @file Checkpoints in Hugging Face's cache on this machine, which all of its tools share. */
import { mkdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { DownloadProgress } from '@arena/files';
import { accessToken, diskHubCache, type HubModel, hubFolderName, hubModel, hubPlaces } from '@arena/files/hub';
import { readGgufBase } from '@arena/gemma';
import { openCheckpoint } from '@arena/safetensors';

/** What a model is asked for. */
export type Content = 'base' | 'adapter';

/** Which snapshot of a model, and what has to be in it. */
export interface SnapshotOptions {
  /** A GGUF file of the model. Then only that file counts. */
  file?: string;
  /** A branch, tag or commit. Default `main`. */
  revision?: string;
  content: Content;
}

/** The newest snapshot of a model in the cache, or that of a revision, if it is complete. */
export async function cachedSnapshot(
  id: string,
  { file, revision = 'main', content }: SnapshotOptions,
): Promise<string | undefined> {
  const folder = modelFolder(id);
  const named = () => readFile(join(folder, 'refs', ...revision.split('/')), 'utf8').catch(() => undefined);
  const commit = /^[0-9a-f]{40}$/.test(revision) ? revision : await named();
  if (commit === undefined) return undefined;
  const snapshot = join(folder, 'snapshots', commit.trim());
  const isThere = async (name: string) => Boolean(await stat(join(snapshot, name)).catch(() => undefined));
  if (content === 'adapter') {
    return (await isThere('adapter_config.json')) && (await isThere('adapter_model.safetensors'))
      ? snapshot
      : undefined;
  }
  if (!(await isThere(file ?? 'config.json'))) return undefined;
  try {
    if (file !== undefined) await readGgufBase(join(snapshot, file));
    else await (await openCheckpoint(snapshot)).close();
    return snapshot;
  } catch {
    return undefined; // another tool left it unfinished
  }
}

export interface DownloadModelOptions {
  /** A GGUF file of the model. Then only that file is downloaded, with the other parts of a split one. */
  file?: string;
  /** A branch, tag or commit. Default `main`. */
  revision?: string;
  /** Called with the model once the hub has described it. */
  onModel?: (model: HubModel, bytes: number) => void;
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
}

/**
 * Downloads the files that a classifier needs into the cache. A broken or stopped download resumes.
 * @returns the folder of the snapshot.
 * @throws Error saying what is wrong: the hub cannot be reached, the model does not exist, a token is missing, the
 * licence is not accepted, or the disk is too small.
 */
export async function downloadModel(id: string, options: DownloadModelOptions = {}): Promise<string> {
  const { file, revision, onModel, onProgress, signal } = options;
  const { endpoint } = hubPlaces();
  const model = await hubModel(id, { file, revision, endpoint, token: await accessToken(), signal });
  const folder = modelFolder(id);
  const blobs = join(folder, 'blobs');
  await mkdir(blobs, { recursive: true });
  const bytes = model.files.reduce((sum, { size }) => sum + size, 0);
  await checkSpace(blobs, model, bytes);
  onModel?.(model, bytes);
  await diskHubCache().download(model, { onProgress, signal }, revision);
  return join(folder, 'snapshots', model.commit);
}

function modelFolder(id: string): string {
  return join(hubPlaces().cache, hubFolderName(id));
}

async function checkSpace(blobs: string, { id, files }: HubModel, bytes: number): Promise<void> {
  const there = await Promise.all(
    files.map(({ blob, size }) =>
      stat(join(blobs, blob)).then(
        () => size,
        () => 0,
      ),
    ),
  );
  const needed = bytes - there.reduce((a, b) => a + b, 0);
  const { bavail, bsize } = await statfs(blobs);
  if (needed <= bavail * bsize) return;
  const gb = (count: number) => `${(count / 1e9).toFixed(1)} GB`;
  throw new Error(`${id}: ${gb(needed)} are to be downloaded, ${gb(bavail * bsize)} are free on the disk of ${blobs}`);
}
