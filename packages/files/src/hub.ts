/** @file A model or a data set on Hugging Face's hub: its files, their sizes and their SHA-256. */
import type { RemoteFile } from './download.js';
import { FileError, quote } from './error.js';
import { codeOfStatus, refusalReason } from './refusal.js';
import { cleanToken } from './secrets.js';
import type { FileOpener } from './source.js';
import { type UrlSourceOptions, urlFile } from './url.js';

/** Default address of the hub. */
export const HUB_ENDPOINT = 'https://huggingface.co';

/** The version of a model, the hub and the token. Default: the global `fetch`. */
export interface HubOptions {
  /** A branch, tag or commit. Default `main`. */
  revision?: string;
  /** One GGUF file of the model, such as `model-q8_0.gguf`, with the other parts of a split one; not its checkpoint. */
  file?: string;
  /** Every file of the model, also in its folders. Default: those that a classifier or an adapter needs. */
  all?: boolean;
  /** An access token, for gated and private models. */
  token?: string;
  /** Default {@link HUB_ENDPOINT}. */
  endpoint?: string;
  fetch?: typeof fetch;
  signal?: AbortSignal;
}

/** A file of a model on the hub. */
export interface HubFile extends RemoteFile {
  size: number;
  /** Name of its content in the hub's cache folders: the SHA-256 of a large file, git's id of a small one. */
  blob: string;
}

/** A model at one commit, or a data set. */
export interface HubModel {
  /** Such as `google/gemma-2-2b`; of a data set `datasets/owner/name`. */
  id: string;
  commit: string;
  files: HubFile[];
  /** Headers for requests of the files. */
  headers: Record<string, string>;
}

/** Files that a classifier or an adapter needs: configuration, tokenizer, weights and arena.json at the top of the folder. */
const NEEDED =
  /^((adapter_|generation_|tokenizer_)?config\.json|tokenizer\.json|special_tokens_map\.json|model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json|adapter_model\.safetensors|arena\.json)$/;

/**
 * Asks the hub for a model's files. `downloadCheckpoint(model.files, store, { headers: model.headers })` downloads
 * them, {@link hubFolder} reads them in place.
 * @param id Such as `google/gemma-2-2b`.
 * @throws FileError saying what is wrong: the hub cannot be reached, the model does not exist, a token is missing, or
 * the licence is not accepted.
 */
export async function hubModel(id: string, options: HubOptions = {}): Promise<HubModel> {
  const { file: wanted, all = false } = options;
  if (!(all ? /^\w[\w.-]*(\/\w[\w.-]*)?$/ : MODEL_ID).test(id))
    throw new FileError('argument', 'is not a model id such as owner/name', quote(id));
  const isNeeded = wanted === undefined ? (name: string) => all || NEEDED.test(name) : partOf(wanted);
  const { described: _, ...model } = await repository(id, id, isNeeded, options);
  if (model.files.length) return model;
  const missing = wanted === undefined ? 'configuration or safetensors weights' : `file ${quote(wanted)}`;
  throw new FileError('not_found', `holds no ${missing}`, id);
}

/** An id such as `owner/name`. */
export const MODEL_ID = /^\w[\w.-]*\/\w[\w.-]*$/;

/** A data set at one commit: all of its files, and what its card says of them. */
export interface HubDataset extends HubModel {
  /** `configs` of the card: which files are which split of which configuration. As the hub gives it, unchecked. */
  configs?: unknown;
}

/**
 * Asks the hub for a data set's files.
 * @param id Such as `lmarena-ai/arena-human-preference-140k`.
 * @throws FileError as {@link hubModel}.
 */
export async function hubDataset(id: string, options: Omit<HubOptions, 'file' | 'all'> = {}): Promise<HubDataset> {
  if (!MODEL_ID.test(id)) throw new FileError('argument', 'is not the id of a data set such as owner/name', quote(id));
  const { described, ...set } = await repository(`datasets/${id}`, id, () => true, options);
  const card = described.cardData as { configs?: unknown } | null | undefined;
  return { ...set, configs: card?.configs };
}

/** A repository at one commit, with the hub's whole answer. */
async function repository(
  id: string,
  shown: string,
  isNeeded: (name: string) => boolean,
  { revision = 'main', token, endpoint = HUB_ENDPOINT, fetch: request = fetch, signal }: HubOptions,
): Promise<HubModel & { described: Record<string, unknown> }> {
  const secret = cleanToken(token, 'access token');
  const headers: Record<string, string> = secret ? { authorization: `Bearer ${secret}` } : {};
  const path = id.startsWith('datasets/') ? id : `models/${id}`;
  const url = `${endpoint}/api/${path}/revision/${encodeURIComponent(revision)}?blobs=true`;
  let response: Response;
  try {
    response = await request(url, { headers, signal });
  } catch (error) {
    signal?.throwIfAborted();
    const { message, cause } = error as Error & { cause?: Error };
    throw new FileError(
      'network',
      `${endpoint} cannot be reached (${cause?.message || message}): is this machine online?`,
      shown,
    );
  }
  if (!response.ok) {
    await response.body?.cancel();
    const what = id === shown ? 'model' : 'data set';
    throw new FileError(codeOfStatus(response.status), refusalReason(response, what), shown, {
      cause: { status: response.status },
    });
  }
  const described = ((await response.json().catch(() => undefined)) ?? {}) as Record<string, unknown>;
  const { sha: commit, siblings } = described;
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit) || !Array.isArray(siblings)) {
    throw new FileError('damaged', `${url} did not answer with a commit and a list of files`, shown);
  }
  const files = siblings.flatMap((entry) => {
    const file = hubFile(entry, isNeeded);
    const address = file?.name.split('/').map(encodeURIComponent).join('/');
    return file ? { ...file, url: `${endpoint}/${id}/resolve/${commit}/${address}` } : [];
  });
  return { id, commit, files, headers, described };
}

/** Opens a model's files on the hub. Files that {@link hubModel} does not list are absent. */
export function hubFolder({ files, headers }: HubModel, options: UrlSourceOptions = {}): FileOpener {
  const urls = new Map(files.map(({ name, url }) => [name, url]));
  return async (file) => {
    const url = urls.get(file);
    return url === undefined ? null : urlFile(url, { ...options, headers: { ...headers, ...options.headers } });
  };
}

const PART = /-\d{5}-of-\d{5}\.gguf$/i;

/** Whether a file is this one, or belongs to the same split model. */
function partOf(wanted: string): (name: string) => boolean {
  const whole = PART.test(wanted) ? wanted.replace(PART, '') : undefined;
  return (name) => name === wanted || (whole !== undefined && PART.test(name) && name.replace(PART, '') === whole);
}

/** An entry of the hub's list, if the file is needed. */
function hubFile(entry: unknown, isNeeded: (name: string) => boolean): Omit<HubFile, 'url'> | undefined {
  const {
    rfilename: name,
    size,
    blobId,
    lfs,
  } = (entry ?? {}) as {
    rfilename?: unknown;
    size?: unknown;
    blobId?: unknown;
    lfs?: { sha256?: unknown } | null;
  };
  if (typeof name !== 'string' || !isNeeded(name)) return undefined;
  const sha256 = lfs?.sha256;
  const blob = sha256 ?? blobId;
  if (!Number.isSafeInteger(size) || typeof blob !== 'string' || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(blob)) {
    throw new FileError('damaged', 'the hub gives no size or digest of it', name);
  }
  return { name, size: size as number, blob, ...(typeof sha256 === 'string' ? { sha256 } : {}) };
}
