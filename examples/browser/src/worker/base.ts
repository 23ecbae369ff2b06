/** @file The base checkpoint: the built-in tiny one, or one that is kept in the browser's private file system. */
import type { Battle } from '@arena/data';
import { linearModules } from '@arena/decoder/family';
import {
  bytesFolder,
  type DownloadProgress,
  downloadCheckpoint,
  filesFolder,
  hubFolder,
  type Location,
  opfsFolder,
  opfsStore,
  readFileAt,
} from '@arena/files';
import { CHECKPOINT_FILES, hubModel } from '@arena/files/hub';
import type { FileStore } from '@arena/files/write';
import { tinyBaseFor } from '@arena/judge';
import type { Base as JudgeBase } from '@arena/judge/card';
import { openBase as openJudgeBase } from '@arena/judge/run';
import type { BaseChoice, BaseInfo, KeptBase } from '../protocol.js';
import { copyFile } from './copy-file.js';
import { digestOfAll } from './digests.js';
import { filesAt, firstOf, ggufPlace, isGguf } from './gguf.js';
import { hubName } from './hub-name.js';
import { formFor } from './settings.js';
import { type Directory, folder, hasStorage, isFull } from './storage.js';

export interface Base extends JudgeBase {
  info: BaseInfo;
  /** How to open it again after the page was reloaded; null where the browser keeps no files. */
  kept: Reopened | null;
  /** Of a tiny base: nobody else has it. */
  files?: Record<string, Uint8Array>;
}

/** `gguf`: the first file of a base in GGUF. */
type Stored = Omit<KeptBase, 'bytes'> & { kind: 'stored'; gguf?: string };
/** `width`: of a tiny base; earlier pages had 64 and did not say. */
type Reopened = { kind: 'tiny'; width?: number } | Stored;

/** What the tiny base is called, and its width: that of `arena quickstart`. */
const TINY = 'tiny base of random weights';
const TINY_WIDTH = 128;

/** Says what is in the folder of a kept base. Earlier pages kept none. */
const LABEL = 'base.json';

/** A base that a person chose, where it is. */
interface Found {
  name: string;
  gguf?: string;
  /** To read it without keeping it. */
  place: Location;
  /** Brings its files to a folder. */
  bring(to: FileStore, options: Bringing): Promise<unknown>;
}

/** How files are brought: told of, and stopped. */
interface Bringing {
  onProgress: (progress: DownloadProgress) => void;
  signal: AbortSignal;
}

/** Brings the chosen base here and opens it. What was downloaded before is not downloaded again. */
export async function chooseBase(
  choice: BaseChoice,
  battles: Battle[],
  { onProgress, signal }: Bringing,
): Promise<Base> {
  if (choice.kind === 'tiny') return openBase({ kind: 'tiny', width: TINY_WIDTH }, battles);
  if (choice.kind === 'kept') {
    const kept = (await storedBases()).find((one) => one.folder === choice.folder);
    if (!kept) throw new Error('this base is no longer kept here');
    return openBase(kept, battles);
  }
  const found = await find(choice, signal);
  if (!(await hasStorage())) return opened(found.place, found.name, null);
  return keep(found, battles, { onProgress, signal });
}

function find(choice: Exclude<BaseChoice, { kind: 'tiny' | 'kept' }>, signal: AbortSignal): Found | Promise<Found> {
  if (choice.kind === 'hub') return foundOnHub(choice.id, choice.token, signal);
  return choice.kind === 'url' ? foundAt(choice.url) : foundAmong(choice.files, choice.name);
}

function foundAt(url: string): Found {
  if (!/^https?:\/\//.test(url)) throw new Error(`${url}: an address (https://…) of a folder or GGUF file is expected`);
  const files = isGguf(new URL(url).pathname) ? filesAt(url) : undefined;
  return {
    name: url,
    gguf: files?.[0].name,
    place: url,
    bring: (to, options) => downloadCheckpoint(files ?? url, to, options),
  };
}

/** A model of the hub: its id, its page's address, or a GGUF file of it. */
async function foundOnHub(text: string, token: string | undefined, signal: AbortSignal): Promise<Found> {
  const { id, file } = hubName(text);
  const model = await hubModel(id, { file, token, signal });
  const gguf = file === undefined ? undefined : firstOf(model.files.map(({ name }) => name));
  const { headers } = model;
  const open = hubFolder(model);
  return {
    name: file === undefined ? id : `${id}/${file}`,
    gguf,
    place: gguf ? ggufPlace(open, gguf) : open,
    bring: (to, options) => downloadCheckpoint(model.files, to, { ...options, headers }),
  };
}

/** A GGUF file among a person's files, else a checkpoint of which they are the folder. */
async function foundAmong(files: File[], name: string): Promise<Found> {
  const isFolder = files.some((file) => file.name === 'config.json');
  const models = isFolder ? [] : files.filter((file) => isGguf(file.name));
  if (models.length) {
    const gguf = firstOf(models.map((file) => file.name));
    const place = ggufPlace(filesFolder(models), gguf);
    await openJudgeBase(place, gguf); // a file that is no base is not copied
    return {
      name: gguf,
      gguf,
      place,
      async bring(to, { onProgress, signal }) {
        for (const file of models) await copyFile(file, to, onProgress, signal);
      },
    };
  }
  if (!name) throw new Error(`${files.map((file) => file.name).join(', ')}: a GGUF file (.gguf) is expected`);
  const wanted = files.filter((file) => isCheckpointFile(file.name));
  return {
    name,
    place: filesFolder(wanted),
    async bring(to, options) {
      const remote = wanted.map((file) => ({ name: file.name, size: file.size, url: URL.createObjectURL(file) }));
      try {
        await downloadCheckpoint(remote, to, options);
      } finally {
        for (const { url } of remote) URL.revokeObjectURL(url);
      }
    },
  };
}

function isCheckpointFile(name: string): boolean {
  return (CHECKPOINT_FILES as readonly string[]).includes(name) || /\.safetensors(\.index\.json)?$/.test(name);
}

async function keep({ name, gguf, bring }: Found, battles: Battle[], { onProgress, signal }: Bringing): Promise<Base> {
  const place = encodeURIComponent(name).replaceAll('%', '_').slice(-120);
  let bytes = 0;
  let store: FileStore;
  try {
    store = opfsStore(await folder('bases', place));
    const told = (progress: DownloadProgress) => {
      bytes = progress.totalBytes;
      onProgress(progress);
    };
    await bring(store, { onProgress: told, signal });
  } catch (error) {
    if (!isFull(error)) throw error;
    // browsers do not say truly how much is left
    const size = bytes ? `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB` : 'it';
    throw new Error(
      `${name}: the browser has no room to keep ${size}: free space on the disk, or remove this site's data in the browser's settings`,
    );
  }
  const kept: Stored = { kind: 'stored', name, folder: place, gguf };
  const base = await openBase(kept, battles).catch(async (error) => {
    if (gguf) await (await folder('bases')).removeEntry(place, { recursive: true }); // else it would not be fetched anew
    throw error;
  });
  await store.write(LABEL, JSON.stringify(kept));
  return base;
}

/** The bases that are kept here. */
export async function keptBases(): Promise<KeptBase[]> {
  const bases = await storedBases();
  return Promise.all(
    bases.map(async ({ name, folder: place }) => ({ name, folder: place, bytes: await sizeOf(place) })),
  );
}

/** Takes a kept base away. */
export async function deleteBase(place: string): Promise<void> {
  await (await folder('bases')).removeEntry(place, { recursive: true });
}

async function sizeOf(place: string): Promise<number> {
  let bytes = 0;
  for await (const entry of ((await folder('bases', place)) as Directory).values()) {
    if (entry.kind === 'file') bytes += (await (entry as FileSystemFileHandle).getFile()).size;
  }
  return bytes;
}

async function storedBases(): Promise<Stored[]> {
  if (!(await hasStorage())) return [];
  const found: Stored[] = [];
  for await (const entry of ((await folder('bases')) as Directory).values()) {
    if (entry.kind !== 'directory') continue;
    const label = await readFileAt(opfsFolder(entry as FileSystemDirectoryHandle), LABEL);
    if (label) found.push(JSON.parse(new TextDecoder().decode(label)) as Stored);
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Opens a base that is here. */
export async function openBase(kept: Reopened, battles: Battle[]): Promise<Base> {
  if (kept.kind === 'tiny') {
    const { width: hiddenSize = 64 } = kept;
    const files = tinyBaseFor(battles, { hiddenSize, layers: 4 });
    return { ...(await opened(bytesFolder(files), TINY, kept)), files, sha256: digestOfAll(files) };
  }
  const files = opfsFolder(await folder('bases', kept.folder));
  return opened(kept.gguf ? ggufPlace(files, kept.gguf) : files, kept.name, kept);
}

/** A tiny base that comes in a zip with its adapter. A reload does not have it. */
export async function reopenedTiny(location: Location, files: Record<string, Uint8Array>): Promise<Base> {
  const base = await opened(location, TINY, null);
  return { ...base, info: { ...base.info, tiny: true }, files, sha256: digestOfAll(files) };
}

async function opened(location: Location, name: string, kept: Base['kept']): Promise<Base> {
  const base = await openJudgeBase(location, name);
  const { config } = base;
  const linears = linearModules(config).reduce((sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures, 0);
  const info = {
    name,
    tiny: kept?.kind === 'tiny',
    layers: config.layers.length,
    hiddenSize: config.hiddenSize,
    parameters: linears + config.vocabSize * config.hiddenSize,
    vocabulary: config.vocabSize,
  };
  return { ...base, info: { ...info, ...formFor(info) }, kept };
}
