/**
 * @file The cache of the hub's files, by one contract on disk (Node) and in OPFS. On disk it is huggingface_hub's own, so that all tools
 * share downloads: `models--owner--name/{refs/main, snapshots/<commit>/<file>, blobs/<digest>}`. OPFS has no links: there the snapshot
 * holds the files themselves.
 */

import { diskFolder } from './disk.js';
import { type DownloadOptions, downloadCheckpoint } from './download.js';
import { FileError } from './error.js';
import type { HubFile, HubModel } from './hub.js';
import { hubPlaces } from './hub-places.js';
import { nodeFs } from './node-fs.js';
import { sha256 } from './sha256.js';
import type { FileOpener } from './source.js';
import { diskStore } from './store.js';
import { type FillFile, makeFolder, storing } from './write.js';

/** Files of models of the hub, kept by commit. A revision is a branch, tag or commit; default `main`. */
export interface HubCache {
  /** Opens the files of a model that are here, by names such as `onnx/model.onnx`; null for others. */
  folder(id: string, revision?: string): FileOpener;
  /** The files of a model that are here, and their commit; undefined where there is none. */
  list(id: string, revision?: string): Promise<{ commit: string; files: { name: string; size: number }[] } | undefined>;
  /** Path of a file that is here (Node); undefined for others and in OPFS. */
  pathOf(id: string, file: string, revision?: string): Promise<string | undefined>;
  /**
   * Keeps a file that came by other means, and the commit as what `revision` names.
   * @throws FileError (`damaged`) when size or SHA-256 differ from the model's list. Nothing is kept then.
   */
  add(model: HubModel, file: HubFile, content: FillFile, revision?: string): Promise<void>;
  /** Downloads the files of a model that are not here. A broken or stopped download resumes. @throws FileError as `downloadCheckpoint`. */
  download(model: HubModel, options?: DownloadOptions, revision?: string): Promise<void>;
}

/** A model's folder in the cache, or a data set's (`datasets/owner/name`). */
export function hubFolderName(id: string): string {
  return (id.startsWith('datasets/') ? id : `models/${id}`).replaceAll('/', '--');
}

/** The cache on disk (Node). Default: Hugging Face's own, {@link hubPlaces}. */
export function diskHubCache(cache: string = hubPlaces().cache): HubCache {
  const fs = nodeFs();
  const { dirname, join, relative } = process.getBuiltinModule('node:path');
  const folderOf = (id: string) => join(cache, hubFolderName(id));

  async function snapshot(id: string, revision = 'main'): Promise<string | undefined> {
    const named = () => fs.readFile(join(folderOf(id), 'refs', ...parts(revision)), 'utf8').catch(() => undefined);
    const commit = COMMIT.test(revision) ? revision : (await named())?.trim();
    return commit !== undefined && COMMIT.test(commit) ? join(folderOf(id), 'snapshots', commit) : undefined;
  }

  /** A snapshot's file links to its content. It is a copy where links are not allowed (Windows without that right). */
  async function link({ id, commit }: HubModel, { name, blob }: HubFile): Promise<void> {
    const path = join(folderOf(id), 'snapshots', commit, ...parts(name));
    const content = join(folderOf(id), 'blobs', blob);
    await makeFolder(dirname(path));
    await fs.unlink(path).catch(() => {});
    try {
      await fs.symlink(relative(dirname(path), content), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return; // another process was faster
      await fs.copyFile(content, path);
    }
  }

  async function name({ id, commit }: HubModel, revision: string): Promise<void> {
    if (COMMIT.test(revision)) return;
    const path = join(folderOf(id), 'refs', ...parts(revision));
    await makeFolder(dirname(path));
    await storing(path, fs.writeFile(path, commit));
  }

  return {
    folder: (id, revision) => async (file) => {
      const path = parts(file).join('/');
      const place = await snapshot(id, revision);
      return place === undefined ? null : diskFolder(place)(path);
    },
    async list(id, revision) {
      const place = await snapshot(id, revision);
      const entries = place && (await fs.readdir(place, { recursive: true }).catch(() => undefined));
      if (!entries) return undefined;
      const files: { name: string; size: number }[] = [];
      for (const entry of entries.sort()) {
        const info = await fs.stat(join(place, entry)).catch(() => undefined); // a link whose content is not there yet
        if (info?.isFile()) files.push({ name: entry.replaceAll('\\', '/'), size: info.size });
      }
      return files.length ? { commit: place.slice(-40), files } : undefined;
    },
    async pathOf(id, file, revision) {
      const names = parts(file);
      const place = await snapshot(id, revision);
      const path = place && join(place, ...names);
      return path && (await fs.stat(path).catch(() => undefined))?.isFile() ? path : undefined;
    },
    async add(model, file, content, revision = 'main') {
      const blobs = join(folderOf(model.id), 'blobs');
      const there = await fs.stat(join(blobs, file.blob)).catch(() => undefined);
      if (there?.size !== file.size) await diskStore(blobs).write(file.blob, checked(model, file, content));
      await link(model, file);
      await name(model, revision);
    },
    async download(model, options, revision = 'main') {
      const files = model.files.map((file) => ({ ...file, name: file.blob }));
      const store = diskStore(join(folderOf(model.id), 'blobs'));
      await downloadCheckpoint(files, store, { ...options, headers: { ...model.headers, ...options?.headers } });
      for (const file of model.files) await link(model, file);
      await name(model, revision);
    },
  };
}

/** A commit's name. */
export const COMMIT = /^[0-9a-f]{40}$/;

/** Parts of a path below a folder. @throws FileError for one that leaves it: names come from outside. */
export function parts(path: string): string[] {
  const all = path.split('/');
  if (all.every((part) => /^[^/\\:\0]+$/.test(part) && part !== '.' && part !== '..')) return all;
  throw new FileError('argument', 'is not the name of a file or revision of a model', JSON.stringify(path));
}

/** The content, held against the size and the SHA-256 of the list. */
export function checked({ id }: HubModel, { name, size, sha256: wanted }: HubFile, content: FillFile): FillFile {
  return async (write) => {
    const hash = wanted === undefined ? undefined : sha256();
    let bytes = 0;
    await content(async (part) => {
      bytes += part.length;
      hash?.update(part);
      await write(part);
    });
    const digest = hash?.hex();
    if (bytes === size && digest === wanted) return;
    const is = bytes === size ? `its SHA-256 is ${digest}, not ${wanted}` : `it has ${bytes} bytes, not ${size}`;
    throw new FileError('damaged', `${is}, as the hub lists it: download it again`, `${id}/${name}`);
  };
}
