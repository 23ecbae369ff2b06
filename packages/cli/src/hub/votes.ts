/** @file The votes of `--data`: files on this machine, or data sets on the hub by name. */
import { stat } from 'node:fs/promises';
import type { BattleSource } from '@arena/data';
import { hubSetName, openHubSet } from '@arena/data/read';
import { FileError } from '@arena/files';
import { accessToken, diskHubCache, hubPlaces } from '@arena/files/hub';
import { progress } from '../progress.js';

/** Votes by the names that a person gave. */
export interface NamedVotes {
  names: string[];
  /** What is read, in the order of the names. */
  source: BattleSource[];
  /** The data sets of the hub among them, with split and commit: `owner/name:split@commit`. */
  hubData: string[];
}

/** How to open votes. */
export interface OpenVotesOptions {
  /** The data sets of a run that goes on: the same commits are read again. */
  before?: readonly string[];
  signal?: AbortSignal;
}

/**
 * Opens votes by name. What is on this machine wins over a data set of the same name. Says which files of a data set are read.
 * @throws Error when a name is neither, saying why the hub has none.
 */
export async function openVotes(names: string[], { before = [], signal }: OpenVotesOptions = {}): Promise<NamedVotes> {
  const votes: NamedVotes = { names, source: [], hubData: [] };
  for (const name of names) {
    const asked = hubSetName(name);
    if (!asked || (await stat(name).catch(() => undefined))) {
      votes.source.push(name);
      continue;
    }
    const { cache, endpoint, offline } = hubPlaces();
    const set = await openHubSet(sameAgain(name, before), {
      token: await accessToken(),
      endpoint,
      cache: diskHubCache(cache),
      offline: offline !== undefined,
      signal,
      onProgress: downloadBar(asked.id),
    }).catch((error: Error) => {
      if (!(error instanceof FileError)) throw error;
      const why = error.message.replace(`${asked.id}: `, '');
      throw new Error(`${name}: no such file or folder here; as a data set of the hub: ${why}`, { cause: error });
    });
    console.error(`note: votes of ${set.note}`);
    votes.source.push(set.files);
    votes.hubData.push(set.name);
  }
  return votes;
}

/** The name with the commit of a run that goes on. */
function sameAgain(name: string, before: readonly string[]): string {
  const asked = hubSetName(name)!;
  const same = before.find((one) => {
    const { id, config, split } = hubSetName(one) ?? {};
    return id === asked.id && config === asked.config && (asked.split === undefined || split === asked.split);
  });
  return (asked.revision === undefined && same) || name;
}

function downloadBar(id: string): (progress: { bytes: number; totalBytes: number; file: string }) => void {
  let bar: ReturnType<typeof progress> | undefined;
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  return ({ bytes, totalBytes, file }) => {
    bar ??= progress({ label: `downloading ${id}`, total: megabytes(totalBytes), unit: 'MB' });
    bar.update(megabytes(bytes), file);
    if (bytes !== totalBytes) return;
    bar.finish();
    bar = undefined;
  };
}
