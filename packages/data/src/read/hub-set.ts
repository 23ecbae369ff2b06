/** @file Votes of a data set on Hugging Face's hub: the files of a split, read in place where they can be. */
import { FileError, readFileAt, urlSource } from '@arena/files';
import { type HubCache, type HubDataset, hubDataset } from '@arena/files/hub';
import { DataError } from '../error.js';
import { cardConfigs } from './card-configs.js';
import { chooseFiles, type HubSetName, hubSetName } from './hub-names.js';
import type { BattleFile } from './source.js';

/** How to reach the hub, and where files are kept. */
export interface HubSetOptions {
  /** An access token, for private and gated sets. */
  token?: string;
  /** Default https://huggingface.co. */
  endpoint?: string;
  fetch?: typeof fetch;
  signal?: AbortSignal;
  /** Keeps files that cannot be read by ranges, and gives those that are there. Without it they are held in memory. */
  cache?: HubCache;
  /** Reads only what the cache has. */
  offline?: boolean;
  /** Told of a download. */
  onProgress?: (progress: { file: string; bytes: number; totalBytes: number }) => void;
}

/** A split of a data set at one commit. */
export interface HubSet {
  /** The name that reads the same again, with configuration, split and commit. */
  name: string;
  id: string;
  commit: string;
  /** For `readBattles`. */
  files: BattleFile[];
  /** What was chosen, in a sentence. */
  note: string;
}

/**
 * Finds the files of a split. Parquet is read by ranges, without a download; other formats come whole.
 * @param name `owner/name`, with a split, a configuration or a revision: `owner/name/config:split@revision`.
 * @throws DataError when the split or configuration is not there, saying which are; FileError when the set is not there, or
 * not for this token, or the hub cannot be reached.
 * @example
 * const { files } = await openHubSet('lmarena-ai/arena-human-preference-140k:train', { token });
 * for await (const battle of readBattles(files)) console.log(battle.winner);
 */
export async function openHubSet(name: string, options: HubSetOptions = {}): Promise<HubSet> {
  const asked = hubSetName(name);
  if (!asked) throw new DataError('argument', 'is not the name of a data set such as owner/name:split', { file: name });
  const set = await describedSet(asked, options);
  const sizes = new Map(set.files.map((file) => [file.name, file.size]));
  const { config, split, files, others, leftOut } = chooseFiles([...sizes.keys()], set.configs, asked);
  const megabytes = files.reduce((sum, file) => sum + (sizes.get(file) ?? 0), 0) / 1e6;
  const also = [
    ...(others.length ? [`other splits: ${others.join(', ')}`] : []),
    ...(leftOut.length ? [`left out: ${leftOut.slice(0, 3).join(', ')}${leftOut.length > 3 ? ', ...' : ''}`] : []),
  ];
  const note =
    `${asked.id} at ${set.commit.slice(0, 7)}: ${config ? `configuration ${config}, ` : ''}split ${split}, ` +
    `${files.length === 1 ? files[0] : `${files.length} files (${files[0]}, ...)`}, ${megabytes.toFixed(1)} MB` +
    `${also.length ? `; ${also.join('; ')}` : ''}`;
  const configured = asked.config === undefined ? asked.id : `${asked.id}/${asked.config}`;
  return {
    name: `${configured}:${split}@${set.commit}`,
    id: asked.id,
    commit: set.commit,
    files: files.map((file) => ({ name: file, open: () => openFileOf(set, file, asked, options) })),
    note,
  };
}

/** The set as the hub describes it, or as the cache has it where the hub is not asked or cannot be reached. */
async function describedSet(asked: HubSetName, options: HubSetOptions): Promise<HubDataset> {
  const { id, revision } = asked;
  if (options.offline) {
    const kept = await keptSet(asked, options);
    if (kept) return kept;
    const reason = 'is not in the cache, and the hub is not asked (offline); download it first';
    throw new DataError('read', reason, { file: id });
  }
  try {
    return await hubDataset(id, { ...options, revision });
  } catch (error) {
    const isAway = error instanceof FileError && error.code === 'network';
    const kept = isAway ? await keptSet(asked, options) : undefined;
    if (kept) return kept;
    throw error;
  }
}

async function keptSet({ id, revision }: HubSetName, { cache }: HubSetOptions): Promise<HubDataset | undefined> {
  const key = `datasets/${id}`;
  const kept = await cache?.list(key, revision);
  if (!cache || !kept) return undefined;
  const readme = await readFileAt(cache.folder(key, revision), 'README.md', { maxBytes: 10e6 });
  const files = kept.files.map(({ name, size }) => ({ name, size, url: '', blob: '' }));
  return {
    id: key,
    commit: kept.commit,
    files,
    headers: {},
    configs: cardConfigs(new TextDecoder().decode(readme ?? new Uint8Array())),
  };
}

async function openFileOf(set: HubDataset, name: string, { revision }: HubSetName, options: HubSetOptions) {
  const { cache, fetch: request, signal, onProgress } = options;
  const kept = await cache?.folder(set.id, set.commit)(name);
  if (kept) return kept;
  const file = set.files.find((one) => one.name === name)!;
  if (!cache || /\.parquet$/i.test(name)) {
    return urlSource(file.url, { headers: set.headers, fetch: request, signal, withoutRanges: 'hold' });
  }
  const card = set.files.filter((one) => one.name === 'README.md'); // says offline which file is which split
  await cache.download({ ...set, files: [file, ...card] }, { fetch: request, signal, onProgress }, revision);
  return (await cache.folder(set.id, set.commit)(name))!;
}
