/**
 * @file Uploads files to a model of Hugging Face's hub, in one commit. The requests are those of the package @huggingface/hub, which the
 * user installs: it is loaded here alone.
 */
import { FileError } from './error.js';
import { HUB_ENDPOINT, MODEL_ID } from './hub.js';
import { codeOfStatus } from './refusal.js';
import { cleanToken } from './secrets.js';

/** A file to upload: its path in the repository, its size in bytes, and a Blob or the address of a file on disk (`file:`). */
export interface HubUpload {
  path: string;
  size: number;
  content: Blob | URL;
}

/** What happens to a file. The hub learns the digest of a large one before it takes it. */
export interface UploadProgress {
  path: string;
  state: 'hashing' | 'uploading' | 'error';
  /** Share from 0 to 1. */
  progress: number;
}

/** Where the files go, and by whom. */
export interface UploadOptions {
  /** An access token with the right to write. */
  token: string | undefined;
  /** Default {@link HUB_ENDPOINT}. */
  endpoint?: string;
  /** Whether everybody may see a model that is created, and whether one that everybody sees is taken. Default false. */
  isPublic?: boolean;
  /** A branch, which is made where it is missing. Default `main`. */
  branch?: string;
  /** First line of the commit. */
  title?: string;
  /** The package @huggingface/hub, for pages: `await import('@huggingface/hub')`. Default: the one that is installed (Node). */
  library?: HubLibrary;
  onProgress?: (progress: UploadProgress) => void;
  signal?: AbortSignal;
}

/** A commit on the hub. */
export interface UploadResult {
  /** Address of the model. */
  url: string;
  commit: string;
  /** Whether the model was created now. */
  isNew: boolean;
  isPrivate: boolean;
}

interface Target {
  accessToken: string;
  hubUrl: string;
}

type Repository = { type: 'model'; name: string };

/** What is used of the package @huggingface/hub. */
export interface HubLibrary {
  modelInfo(options: Target & { name: string }): Promise<{ private: boolean }>;
  whoAmI(options: Target): Promise<{ name: string; orgs?: { name: string }[] }>;
  createRepo(options: Target & { repo: Repository; visibility: 'public' | 'private' }): Promise<unknown>;
  createBranch(options: Target & { repo: Repository; branch: string; overwrite: boolean }): Promise<void>;
  uploadFilesWithProgress(
    options: Target & {
      repo: Repository;
      files: { path: string; content: Blob | URL }[];
      branch: string;
      commitTitle: string;
      useXet: boolean;
      abortSignal?: AbortSignal;
    },
  ): AsyncGenerator<
    | { event: 'phase'; phase: string }
    | { event: 'fileProgress'; path: string; progress: number; state: UploadProgress['state'] },
    { commit: { oid: string; url: string } } | undefined
  >;
}

/** The hub's limit for one file. */
const MAX_FILE_BYTES = 50e9;

/** How the hub's own tokens begin: the package takes no others. */
const TOKEN_START = 'hf_';

/**
 * Uploads files to a model, which is created where it is missing: private, unless `isPublic`. Nothing is seen before the
 * commit at the end; after an upload that was cut off, the same call sends what has not come whole.
 * @param id Such as `you/judge`.
 * @throws FileError saying what is wrong: the package or the token is missing, the token is not valid or has no rights,
 * the name is taken, a file is too large, the hub cannot be reached, the upload was cut off.
 * @example
 * const files = [{ path: 'README.md', size: text.length, content: new Blob([text]) }];
 * const { url } = await uploadToHub('you/judge', files, { token: await accessToken() });
 */
export async function uploadToHub(
  id: string,
  files: readonly HubUpload[],
  {
    token,
    endpoint = HUB_ENDPOINT,
    isPublic = false,
    branch = 'main',
    title,
    onProgress,
    signal,
    ...options
  }: UploadOptions,
): Promise<UploadResult> {
  if (!MODEL_ID.test(id)) throw new FileError('argument', 'is not a model id such as owner/name', JSON.stringify(id));
  const accessToken = writingToken(token, id);
  const large = files.find(({ size }) => size > MAX_FILE_BYTES);
  if (large) {
    const reason = `has ${(large.size / 1e9).toFixed(1)} GB; the hub takes at most ${MAX_FILE_BYTES / 1e9} GB a file`;
    throw new FileError('too_large', reason, large.path);
  }
  const hub = options.library ?? (await importHub());
  const target: Target = { accessToken, hubUrl: endpoint };
  const repo: Repository = { type: 'model', name: id };
  const upload: Upload = { id, hub, target, signal, isSending: false };

  const before = await answerOf(upload, hub.modelInfo({ ...target, name: id }), 404);
  if (before && !before.private && !isPublic) {
    const reason =
      'is there already and is public: everybody would see the files. Allow that (--public), or take another name';
    throw new FileError('refused', reason, id);
  }
  if (!before) {
    const visibility = isPublic ? 'public' : 'private';
    await answerOf(upload, hub.createRepo({ ...target, repo, visibility }));
  }
  if (branch !== 'main') await answerOf(upload, hub.createBranch({ ...target, repo, branch, overwrite: true }));
  signal?.throwIfAborted();
  upload.isSending = true;
  const commit = await answerOf(
    upload,
    sent(
      hub.uploadFilesWithProgress({
        ...target,
        repo,
        files: files.map(({ path, content }) => ({ path, content })),
        branch,
        commitTitle: title ?? `Upload ${files.length} files`,
        useXet: false, // plain requests: what came whole is not sent again
        abortSignal: signal,
      }),
      onProgress,
    ),
  );
  return { url: `${endpoint}/${id}`, commit, isNew: !before, isPrivate: before?.private ?? !isPublic };
}

/** Follows an upload to its commit. */
async function sent(
  events: ReturnType<HubLibrary['uploadFilesWithProgress']>,
  onProgress: UploadOptions['onProgress'],
): Promise<string> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value?.commit.oid ?? '';
    if (value.event === 'fileProgress')
      onProgress?.({ path: value.path, state: value.state, progress: value.progress });
  }
}

function writingToken(token: string | undefined, id: string): string {
  const clean = cleanToken(token, 'access token');
  const advice = 'make one with the role write on Hugging Face (settings, access tokens) and set HF_TOKEN';
  if (!clean) throw new FileError('refused', `there is no access token to upload with: ${advice}`, id);
  if (clean.startsWith(TOKEN_START)) return clean;
  throw new FileError('refused', `the access token does not begin with ${TOKEN_START}, as the hub's do: ${advice}`, id);
}

const PACKAGE = '@huggingface/hub'; // a bundler that saw it would ask for a package that few need

/** The package beside this one, or in the user's project (Node). */
async function importHub(): Promise<HubLibrary> {
  try {
    return await import(/* @vite-ignore */ /* webpackIgnore: true */ PACKAGE);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    const { createRequire } = process.getBuiltinModule('node:module');
    const { pathToFileURL } = process.getBuiltinModule('node:url');
    const path = createRequire(`${process.cwd()}/package.json`).resolve(PACKAGE);
    const loaded = await import(/* @vite-ignore */ /* webpackIgnore: true */ pathToFileURL(path).href);
    return loaded.uploadFilesWithProgress ? loaded : loaded.default;
  } catch (error) {
    if (!isMissing(error)) throw error;
    const reason = `is not installed, and uploads go through it: npm install ${PACKAGE} (where the command is installed with -g: npm install -g ${PACKAGE})`;
    throw new FileError('argument', reason, PACKAGE);
  }
}

function isMissing(error: unknown): boolean {
  return /MODULE_NOT_FOUND/.test((error as { code?: string }).code ?? '');
}

/** An error of the package for an answer that is not ok. */
interface ApiError extends Error {
  statusCode: number;
  data?: { error?: unknown; message?: unknown };
}

/** One upload: for what its errors say. */
interface Upload {
  id: string;
  hub: HubLibrary;
  target: Target;
  signal?: AbortSignal;
  /** Whether files are on their way. */
  isSending: boolean;
}

/** The answer to a request, or an error for people. @param missing A status that means undefined. */
async function answerOf<T>(upload: Upload, answer: Promise<T>): Promise<T>;
async function answerOf<T>(upload: Upload, answer: Promise<T>, missing: number): Promise<T | undefined>;
async function answerOf<T>(upload: Upload, answer: Promise<T>, missing?: number): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    upload.signal?.throwIfAborted();
    const { statusCode } = error as ApiError;
    if (missing !== undefined && statusCode === missing) return undefined;
    throw typeof statusCode === 'number' ? await refused(error as ApiError, upload) : broken(error as Error, upload);
  }
}

/** The hub's answer that is not ok. */
async function refused({ statusCode: status, data }: ApiError, upload: Upload): Promise<FileError> {
  const { id, target } = upload;
  const [owner] = id.split('/');
  const words = data?.error ?? data?.message;
  const own = typeof words === 'string' ? words.trim().slice(0, 300).replaceAll(target.accessToken, '***') : '';
  const reasons: Record<number, string> = {
    401: 'the access token is not valid, or not any more: make a new one with the role write and set HF_TOKEN',
    403: await whoMay(owner, upload),
    404: `there is no owner ${owner} that the token could write to`,
    409: 'the name is taken by what is no model of this token: choose another',
    413: 'a file is too large for it',
  };
  const isBusy = status === 429 || status >= 500;
  const reason =
    reasons[status] ?? (isBusy ? 'it is busy or failing: run the same again later' : 'it does not take this');
  const said = own ? `; its own words: ${own}` : '';
  return new FileError(codeOfStatus(status), `the hub answered ${status}: ${reason}${said}`, id, { cause: { status } });
}

/** Whose token it is, and where that person may write. */
async function whoMay(owner: string, { hub, target }: Upload): Promise<string> {
  const advice = `it needs the role write, and ${owner} has to be the account of the token or an organisation of it`;
  const who = await hub.whoAmI(target).catch(() => undefined);
  if (!who) return `the token may not write to ${owner}: ${advice}`;
  const places = [who.name, ...(who.orgs ?? []).map(({ name }) => name)].join(', ');
  return `the token (of ${who.name}; owners: ${places}) may not write to ${owner}: ${advice}`;
}

/** A connection that failed. */
function broken(error: Error, { id, target, isSending }: Upload): FileError {
  const cause = error.cause as { code?: string; message?: string } | undefined;
  const why = cause?.code || cause?.message || error.message;
  const reason = isSending
    ? `the upload was cut off (${why}) and nothing of it is seen yet: run the same again, what came whole is not sent again`
    : `${target.hubUrl} cannot be reached (${why}): is this machine online?`;
  return new FileError('network', reason, id, { cause: error });
}
