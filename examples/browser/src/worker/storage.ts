/** @file The current run, stored in the browser's private file system (OPFS) so that a reloaded page can resume it. */

import { opfsFolder, opfsStore, readFileAt } from '@arena/files';
import type { Store } from '@arena/judge';

const ROOT = 'arena';
const RUN = 'run';
/** Says which folder of the run is the newest: one that is whole. */
const LATEST = 'latest.json';

/** Some private windows give a page no file system. */
async function root(): Promise<FileSystemDirectoryHandle | undefined> {
  return navigator.storage?.getDirectory?.().catch(() => undefined);
}

/** Whether the browser can keep files of this page. */
export async function hasStorage(): Promise<boolean> {
  return (await root()) !== undefined;
}

/** A folder below the app's own, made when needed. @throws Error where the browser keeps no files. */
export async function folder(...path: string[]): Promise<FileSystemDirectoryHandle> {
  let handle = await root();
  if (!handle) throw new Error('this browser keeps no files of this page');
  for (const name of [ROOT, ...path]) handle = await handle.getDirectoryHandle(name, { create: true });
  return handle;
}

/** Whether an error says that the browser has no room left for this page. */
export function isFull(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  return [error, cause].some((one) => one instanceof DOMException && one.name === 'QuotaExceededError');
}

/** Writes a file; it has its new content whole or keeps the old. */
function write(directory: FileSystemDirectoryHandle, name: string, content: Uint8Array | string): Promise<void> {
  return opfsStore(directory).write(name, content);
}

/** What TypeScript's libraries leave out of OPFS: what Workers alone have, and iteration. */
type AppendHandle = FileSystemFileHandle & {
  createSyncAccessHandle(): Promise<{
    getSize(): number;
    write(bytes: Uint8Array, options: { at: number }): number;
    close(): void;
  }>;
};
export type Directory = FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> };

/**
 * The run's folder. Of its own folders (checkpoints, then the adapter) only the newest stays.
 * @param onFull Called in place of an error when the browser has no room left, or keeps no files; says which.
 */
export function runStore(onFull: (why: string) => void): Store {
  const keep = async (work: (run: Directory) => Promise<void>) => {
    if (!(await hasStorage())) return onFull('This browser keeps no files of this page');
    try {
      await work((await folder(RUN)) as Directory);
    } catch (error) {
      if (!isFull(error)) throw error;
      onFull('The browser has no room left');
    }
  };
  return {
    location: (name) => async (file) => {
      const run = await folder(RUN);
      return opfsFolder(name === undefined ? run : await run.getDirectoryHandle(name))(file);
    },
    write: (file, content) => keep((run) => write(run, file, content)),
    append: (file, text) =>
      keep(async (run) => {
        const handle = (await run.getFileHandle(file, { create: true })) as AppendHandle;
        const access = await handle.createSyncAccessHandle();
        try {
          const bytes = new TextEncoder().encode(text);
          const wrote = access.write(bytes, { at: access.getSize() }); // fewer where others throw
          if (wrote !== bytes.length) throw new DOMException('no space is left', 'QuotaExceededError');
        } finally {
          access.close();
        }
      }),
    writeFolder: (name, files) =>
      keep(async (run) => {
        const target = await run.getDirectoryHandle(name, { create: true });
        for (const [file, content] of Object.entries(files)) await write(target, file, content);
        await write(run, LATEST, JSON.stringify({ name }));
        for await (const { kind, name: other } of run.values()) {
          if (kind === 'directory' && other !== name) await run.removeEntry(other, { recursive: true });
        }
      }),
    async list() {
      if (!(await hasStorage())) return [];
      const names: string[] = [];
      const latest = await newestFolder();
      for await (const { kind, name } of ((await folder(RUN)) as Directory).values()) {
        if (kind === 'file' || name === latest?.name) names.push(name);
      }
      return names;
    },
    remove: (name) => keep((run) => run.removeEntry(name, { recursive: true })),
  };
}

/** The newest checkpoint of the saved run, or its adapter when it is done; null without one. Runs of earlier pages say `totalSteps` there. */
export async function newestFolder() {
  return readJson<{ name: string; totalSteps?: number }>(LATEST).catch(() => null);
}

/** A JSON file of the saved run; null when it is not there. */
export async function readJson<T>(name: string): Promise<T | null> {
  const bytes = await readFileAt(opfsFolder(await folder(RUN)), name);
  return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as T);
}

/** Takes the saved run away. */
export async function forgetRun(): Promise<void> {
  if (!(await hasStorage())) return;
  const app = await folder();
  await app.removeEntry(RUN, { recursive: true }).catch(() => {}); // there was none
}
