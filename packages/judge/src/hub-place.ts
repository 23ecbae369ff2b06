/** @file Where a base is on the hub, as far as its name, its path and its file say so. */
import type { Location } from '@arena/files';

/** A model on the hub. */
export interface HubPlace {
  /** Such as `google/gemma-2-2b`. */
  id: string;
  /** The commit, where it is known. */
  commit?: string;
}

const COMMIT = /^[0-9a-f]{40}$/;

/** `owner/name`, a GGUF file of it, and a revision: `owner/name/file.gguf@main`. */
export const HUB_NAME =
  /^(?<id>\w[\w.-]*\/\w[\w.-]*?)(?:\/(?<file>[\w.-]+\.gguf))?(?:@(?<revision>[\w.-]+(?:\/[\w.-]+)*))?$/i;

/** A path within the cache of Hugging Face's tools. */
const IN_CACHE = /(?:^|[\\/])models--([\w.-]+?)--([\w.-]+)[\\/]snapshots[\\/]([0-9a-f]{40})(?=[\\/]|$)/;

/**
 * Where a base is on the hub; undefined where nothing says so. A folder is never taken for the checkpoint that its
 * config.json came from: its weights may be others.
 * @param name The base's name. A path is none of the hub, also where it looks like an id.
 * @param fileId What a GGUF file says of itself.
 */
export function hubPlaceOf(name: string, location: Location, fileId?: string): HubPlace | undefined {
  const path = typeof location === 'string' ? location : '';
  const cached = IN_CACHE.exec(path) ?? IN_CACHE.exec(name);
  if (cached) return { id: `${cached[1]}/${cached[2]}`, commit: cached[3] };
  if (path.replace(/\/+$/, '') !== name) {
    const { id, revision } = HUB_NAME.exec(name)?.groups ?? {};
    if (id !== undefined) return { id, ...(COMMIT.test(revision ?? '') ? { commit: revision } : {}) };
  }
  return fileId === undefined ? undefined : { id: fileId };
}

/** The commit that an adapter names for PEFT: only of a base that was asked for by revision, or by the path of a snapshot. */
export function pinnedCommit(name: string, place: HubPlace | undefined): string | null {
  const isNewest = place && (name === place.id || (name.startsWith(`${place.id}/`) && !name.includes('@')));
  return isNewest ? null : (place?.commit ?? null);
}
