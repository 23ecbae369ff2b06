/** @file A model on Hugging Face's hub: its files, their sizes and their SHA-256. */
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

/** A model at one commit. */
export interface HubModel {
  id: string;
  commit: string;
  files: HubFile[];
  /** Headers for requests of the files. */
  headers: Record<string, string>;
}

/** Files that a classifier or an adapter needs: configuration, tokenizer and weights at the top of the folder. */
const NEEDED =
  /^((adapter_|generation_|tokenizer_)?config\.json|tokenizer\.json|special_tokens_map\.json|model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json|adapter_model\.safetensors)$/;

/**
 * Asks the hub for a model's files. `downloadCheckpoint(model.files, store, { headers: model.headers })` downloads
 * them, {@link hubFolder} reads them in place.
 * @param id Such as `google/gemma-2-2b`.
 * @throws FileError saying what is wrong: the hub cannot be reached, the model does not exist, a token is missing, or
 * the licence is not accepted.
 */
export async function hubModel(id: string, options: HubOptions = {}): Promise<HubModel> {
  const {
    revision = 'main',
    file: wanted,
    all = false,
    token,
    endpoint = HUB_ENDPOINT,
    fetch: request = fetch,
    signal,
  } = options;
  if (!(all ? /^\w[\w.-]*(\/\w[\w.-]*)?$/ : /^\w[\w.-]*\/\w[\w.-]*$/).test(id))
    throw new FileError('argument', 'is not a model id such as owner/name', quote(id));
  const secret = cleanToken(token, 'access token');
  const headers: Record<string, string> = secret ? { authorization: `Bearer ${secret}` } : {};
  const url = `${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  let response: Response;
  try {
    response = await request(url, { headers, signal });
  } catch (error) {
    signal?.throwIfAborted();
    const { message, cause } = error as Error & { cause?: Error };
    throw new FileError(
      'network',
      `${endpoint} cannot be reached (${cause?.message || message}): is this machine online?`,
      id,
    );
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new FileError(codeOfStatus(response.status), refusalReason(response), id);
  }
  const { sha: commit, siblings } = ((await response.json().catch(() => undefined)) ?? {}) as {
    sha?: unknown;
    siblings?: unknown;
  };
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit) || !Array.isArray(siblings)) {
    throw new FileError('damaged', `${url} did not answer with a commit and a list of files`, id);
  }
  const isNeeded = wanted === undefined ? (name: string) => all || NEEDED.test(name) : partOf(wanted);
  const files = siblings.flatMap((entry) => {
    const file = hubFile(entry, isNeeded);
    return file ? { ...file, url: `${endpoint}/${id}/resolve/${commit}/${file.name}` } : [];
  });
  if (!files.length) {
    const missing = wanted === undefined ? 'configuration or safetensors weights' : `file ${quote(wanted)}`;
    throw new FileError('not_found', `holds no ${missing}`, id);
  }
  return { id, commit, files, headers };
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
