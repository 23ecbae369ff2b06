/** @file The hub's cache in the browser's private file system. */
import { downloadCheckpoint } from './download.js';
import type { HubModel } from './hub.js';
import { COMMIT, checked, type HubCache, hubFolderName, parts } from './hub-cache.js';
import { opfsFolder, opfsStore } from './opfs.js';

/**
 * The cache in OPFS.
 * @param directory A folder of a page's own. Default `huggingface/hub` in OPFS.
 * @example
 * const cache = opfsHubCache();
 * await cache.download(await hubModel('google/gemma-3-270m', { token }));
 * const base = await openBase(cache.folder('google/gemma-3-270m')); // of @arena/judge/run
 */
export function opfsHubCache(directory?: FileSystemDirectoryHandle): HubCache {
  async function open(path: string[], create: boolean): Promise<FileSystemDirectoryHandle | undefined> {
    let handle = directory;
    const own = handle ? [] : ['huggingface', 'hub'];
    handle ??= await navigator.storage.getDirectory();
    try {
      for (const part of [...own, ...path]) handle = await handle.getDirectoryHandle(part, { create });
      return handle;
    } catch (error) {
      if (!create && (error as DOMException).name === 'NotFoundError') return undefined;
      throw error;
    }
  }

  /** The folder and plain name of a file below a model's folder. */
  async function placeOf(id: string, path: string[], create: boolean) {
    const folder = await open([hubFolderName(id), ...path.slice(0, -1)], create);
    return { folder, name: path.at(-1)! };
  }

  async function commitOf(id: string, revision: string): Promise<string | undefined> {
    if (COMMIT.test(revision)) return revision;
    const { folder, name } = await placeOf(id, ['refs', ...parts(revision)], false);
    const source = folder && (await opfsFolder(folder)(name));
    const commit = source && new TextDecoder().decode(await source.read(0, source.size)).trim();
    return commit && COMMIT.test(commit) ? commit : undefined;
  }

  async function setName({ id, commit }: HubModel, revision: string): Promise<void> {
    if (COMMIT.test(revision)) return;
    const { folder, name } = await placeOf(id, ['refs', ...parts(revision)], true);
    await opfsStore(folder!).write(name, commit);
  }

  return {
    folder:
      (id, revision = 'main') =>
      async (file) => {
        const path = parts(file);
        const commit = await commitOf(id, revision);
        if (commit === undefined) return null;
        const { folder, name } = await placeOf(id, ['snapshots', commit, ...path], false);
        return folder ? opfsFolder(folder)(name) : null;
      },
    async list(id, revision = 'main') {
      const commit = await commitOf(id, revision);
      const folder = commit && (await open([hubFolderName(id), 'snapshots', commit], false));
      const files = folder ? await filesIn(folder, '') : [];
      return commit && files.length ? { commit, files } : undefined;
    },
    pathOf: async () => undefined,
    async add(model, file, content, revision = 'main') {
      const { folder, name } = await placeOf(model.id, ['snapshots', model.commit, ...parts(file.name)], true);
      await opfsStore(folder!).write(name, checked(model, file, content));
      await setName(model, revision);
    },
    async download(model, options, revision = 'main') {
      for (const file of model.files) {
        const { folder, name } = await placeOf(model.id, ['snapshots', model.commit, ...parts(file.name)], true);
        const headers = { ...model.headers, ...options?.headers };
        await downloadCheckpoint([{ ...file, name }], opfsStore(folder!), { ...options, headers });
      }
      await setName(model, revision);
    },
  };
}

/** Files of a folder and its folders, by path. */
async function filesIn(folder: FileSystemDirectoryHandle, path: string): Promise<{ name: string; size: number }[]> {
  const files: { name: string; size: number }[] = [];
  const entries = (folder as unknown as { entries(): AsyncIterable<[string, FileSystemHandle]> }).entries();
  for await (const [name, handle] of entries) {
    const whole = `${path}${name}`;
    if (handle.kind === 'directory') files.push(...(await filesIn(handle as FileSystemDirectoryHandle, `${whole}/`)));
    else files.push({ name: whole, size: (await (handle as FileSystemFileHandle).getFile()).size });
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}
