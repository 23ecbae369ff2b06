/** @file Downloads a checkpoint: resumes where it stopped, checks sizes and digests, and names only whole files. */
import { FileError, quote } from './error.js';
import { refusal } from './refusal.js';
import { checkHeaders } from './secrets.js';
import { type StreamHash, sha256 } from './sha256.js';
import type { FileStore, PartFile } from './store.js';

/** A file on the web. */
export interface RemoteFile {
  /** Its name in the folder. */
  name: string;
  url: string;
  /** Size in bytes, if known. */
  size?: number;
  /** Hexadecimal digest, if known. */
  sha256?: string;
}

/** Progress of a download; `file` is the current one. */
export interface DownloadProgress {
  file: string;
  /** Bytes downloaded, and bytes of all files. The total grows as sizes become known. */
  bytes: number;
  totalBytes: number;
}

/** How to fetch files. Default: the global `fetch`. Every request carries `headers`. */
export interface DownloadOptions {
  fetch?: typeof fetch;
  headers?: Record<string, string>;
  onProgress?: (progress: DownloadProgress) => void;
  /** Stops the download. A later call resumes it. */
  signal?: AbortSignal;
  /** Most retries of a broken connection without a new byte. Default 4. */
  retries?: number;
  /** Files to fetch from an address, besides the weights. Default {@link CHECKPOINT_FILES}. */
  files?: readonly string[];
}

/** Files beside the weights. Missing ones are skipped. */
export const CHECKPOINT_FILES = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'generation_config.json',
] as const;

/** Bytes read at once to hash the start of a resumed file. */
const HASH_BYTES = 8_000_000;

/**
 * Downloads a checkpoint, one file after another: from the address of a folder
 * (`https://host/owner/model/resolve/main/`), or files by their addresses (`hubModel(...).files`). Existing files stay.
 * Sizes are checked, and SHA-256 where known.
 * @returns the names of the files.
 * @throws FileError naming the file that the server refuses or that is damaged; the signal's reason.
 * @example
 * const { files, headers } = await hubModel('google/gemma-2-2b', { token });
 * await downloadCheckpoint(files, await diskStore('gemma-2-2b'), { headers });
 */
export async function downloadCheckpoint(
  from: string | readonly RemoteFile[],
  to: FileStore,
  options: DownloadOptions = {},
): Promise<string[]> {
  const files = typeof from === 'string' ? await filesAt(from, options) : from;
  const sizes = new Map(files.map(({ name, size = 0 }) => [name, size]));
  const arrived = new Map<string, number>();
  const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);
  for (const file of files) {
    await downloadFile(file, to, options, (bytes, size) => {
      arrived.set(file.name, bytes);
      sizes.set(file.name, size);
      options.onProgress?.({ file: file.name, bytes: sum(arrived.values()), totalBytes: sum(sizes.values()) });
    });
  }
  return files.map(({ name }) => name);
}

/** Largest index to read, in bytes. */
const MAX_INDEX_BYTES = 100_000_000;

/** The files of a folder on the web. The weights are the files of its index, or one file. */
async function filesAt(base: string, options: DownloadOptions): Promise<RemoteFile[]> {
  const remote = (name: string) => ({ name, url: `${base.replace(/\/$/, '')}/${encodeURIComponent(name)}` });
  const found: RemoteFile[] = [];
  for (const file of (options.files ?? CHECKPOINT_FILES).map(remote)) {
    const response = await askIfThere(file.url, 'bytes=0-0', options);
    await response?.body?.cancel();
    if (response) found.push(file);
  }
  const index = remote('model.safetensors.index.json');
  const response = await askIfThere(index.url, undefined, options);
  if (!response) return [...found, remote('model.safetensors')];
  if (Number(response.headers.get('content-length')) > MAX_INDEX_BYTES) {
    await response.body?.cancel();
    throw new FileError('too_large', `has more than ${MAX_INDEX_BYTES} bytes, the limit for an index`, index.url);
  }
  let names: unknown[];
  try {
    names = Object.values(((await response.json()) as { weight_map: object }).weight_map);
  } catch (error) {
    throw new FileError('damaged', `is not an index of weights: ${(error as Error).message}`, index.url);
  }
  const bad = names.find((name) => typeof name !== 'string' || !/^[^/\\:\0]+\.safetensors$/.test(name));
  if (bad !== undefined) {
    const got = quote(JSON.stringify(bad));
    throw new FileError('damaged', `${got} is not the plain name of a .safetensors file`, index.url);
  }
  return [...found, ...[...new Set(names as string[])].map(remote), index];
}

/** {@link ask} that returns null for a missing file, and explains an unreachable server. */
async function askIfThere(url: string, range: string | undefined, options: DownloadOptions): Promise<Response | null> {
  try {
    return await ask(url, range, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof FileError)) throw unreachable(url, error);
    if (error.code === 'not_found') return null;
    throw error;
  }
}

/** A server's description of a file. */
interface Version {
  size: number;
  tag: string;
  sha256?: string;
}

/** Downloads one file unless it exists. @param tell Called with the bytes so far, and the file's size. */
export async function downloadFile(
  file: RemoteFile,
  to: FileStore,
  options: DownloadOptions = {},
  tell: (bytes: number, size: number) => void = () => {},
): Promise<void> {
  const { retries = 4, signal } = options;
  signal?.throwIfAborted();
  if (file.size !== undefined && (await isThere(to, file.name, file.size))) return tell(file.size, file.size);
  const version = await versionOf(file, options);
  const { size } = version;
  if (await isThere(to, file.name, size)) return tell(size, size);
  const part = await to.part(file.name, version.tag);
  let open = true;
  try {
    if (part.size > size) await part.clear();
    const state: Part = { file: part, hash: await hashOf(part, signal) };
    for (let failures = 0; part.size < size; ) {
      const before = part.size;
      tell(before, size);
      try {
        await fetchInto(state, file, version, options, tell);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof FileError) throw error;
        failures = part.size > before ? 0 : failures + 1;
        if (failures > retries) throw unreachable(file.url, error);
        await pause(250 * 2 ** failures, signal);
      }
    }
    const digest = state.hash.hex();
    if (version.sha256 !== undefined && digest !== version.sha256) {
      await part.clear();
      throw new FileError('damaged', `its SHA-256 is ${digest}, not ${version.sha256}: download it again`, file.url);
    }
    open = false;
    await part.finish();
    tell(size, size);
  } finally {
    if (open) await part.close();
  }
}

/** An unfinished file, and the hash of its bytes. */
interface Part {
  file: PartFile;
  hash: StreamHash;
}

async function versionOf({ url, size, sha256 }: RemoteFile, options: DownloadOptions): Promise<Version> {
  if (size !== undefined && sha256 !== undefined) return { size, sha256, tag: sha256 };
  const response = await askIfThere(url, 'bytes=0-0', options);
  if (!response) throw new FileError('not_found', 'is not there (the server answered 404)', url);
  await response.body?.cancel();
  const total =
    /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] ?? response.headers.get('content-length');
  const told = size ?? (total === null ? Number.NaN : Number(total));
  if (!Number.isSafeInteger(told)) throw new FileError('refused', 'the server does not say how long it is', url);
  const digest = sha256 ?? (await linkedDigest(url, options));
  const etag = response.headers.get('etag') ?? '';
  return { size: told, sha256: digest, tag: digest ?? `${told}-${etag.replace(/^W\//, '')}` };
}

/** The SHA-256 of a large file, from the redirect of Hugging Face's hub. Browsers hide it. */
async function linkedDigest(url: string, options: DownloadOptions): Promise<string | undefined> {
  const { fetch: request = fetch, headers = {}, signal } = options;
  const init: RequestInit = { headers: { ...headers, range: 'bytes=0-0' }, redirect: 'manual', signal };
  const response = await request(url, init).catch(() => undefined); // without a digest there is no check
  await response?.body?.cancel();
  return /^"([0-9a-f]{64})"$/.exec(response?.headers.get('x-linked-etag') ?? '')?.[1];
}

/** Appends the missing bytes, until the connection ends. */
async function fetchInto(
  part: Part,
  { url }: RemoteFile,
  { size }: Version,
  options: DownloadOptions,
  tell: (bytes: number, size: number) => void,
): Promise<void> {
  const { file } = part;
  const response = await ask(url, file.size ? `bytes=${file.size}-` : undefined, options);
  if (file.size && response.status !== 206) {
    await file.clear(); // the server sends it from the beginning
    part.hash = sha256();
  }
  const span = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  if (response.status === 206 && (Number(span?.[1]) !== file.size || Number(span?.[2]) !== size)) {
    await response.body?.cancel();
    throw new FileError('changed', 'the file changed on the server while it was downloaded', url);
  }
  const reader = response.body!.getReader();
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      if (file.size + chunk.value.length > size) {
        throw new FileError('damaged', `more than the ${size} bytes came that were promised`, url);
      }
      await append(file, chunk.value, url);
      part.hash.update(chunk.value);
      tell(file.size, size);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Appends bytes. A full disk is an error at once: a retry would not help. */
async function append(file: PartFile, bytes: Uint8Array, url: string): Promise<void> {
  try {
    await file.append(bytes);
  } catch (error) {
    if (error instanceof FileError) throw error; // it names the file on disk
    throw new FileError('storage', `cannot be stored: ${(error as Error).message}`, url, { cause: error });
  }
}

/** Requests a range of an address, or all of it. */
async function ask(url: string, range: string | undefined, options: DownloadOptions): Promise<Response> {
  const { fetch: request = fetch, headers = {}, signal } = options;
  checkHeaders(headers, url);
  const response = await request(url, { headers: range ? { ...headers, range } : headers, signal });
  if (response.ok) return response;
  await response.body?.cancel();
  throw refusal(response, url);
}

async function isThere(to: FileStore, name: string, size: number): Promise<boolean> {
  const source = await to.open(name);
  await source?.close?.();
  return source?.size === size;
}

async function hashOf(part: PartFile, signal?: AbortSignal): Promise<StreamHash> {
  const hash = sha256();
  for (let at = 0; at < part.size; at += HASH_BYTES) {
    signal?.throwIfAborted();
    hash.update(await part.read(at, Math.min(part.size, at + HASH_BYTES)));
  }
  return hash;
}

function unreachable(url: string, error: unknown): FileError {
  const { message, cause } = error as Error & { cause?: Error };
  return new FileError('network', `cannot be downloaded: ${cause?.message ?? message}`, url, { cause: error });
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
