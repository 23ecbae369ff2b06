/**
 * @file Hugging Face's cache on this machine, in huggingface_hub's layout, so that both tools share downloads:
 * `models--owner--name/{refs/main, snapshots/<commit>/<file>, blobs/<digest>}`.
 */
import { copyFile, mkdir, readFile, stat, statfs, symlink, unlink, writeFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type DownloadProgress, diskStore, downloadCheckpoint } from '@arena/files';
import { cleanToken, type HubFile, type HubModel, hubModel } from '@arena/files/hub';
import { quote } from '@arena/files/source';
import { storing } from '@arena/files/write';
import { readGgufBase } from '@arena/gemma';
import { openCheckpoint } from '@arena/safetensors';

/** Locations, from the environment variables of Hugging Face's own tools, with the rules of huggingface_hub. */
export function hubPlaces(env: NodeJS.ProcessEnv = process.env) {
  const given = (name: string) => env[name]?.trim() || undefined; // an empty variable is none
  const folder = (...names: string[]) => {
    const name = names.find(given);
    return name === undefined ? undefined : expandPath(given(name)!, name, env);
  };
  const home = folder('HF_HOME') ?? join(folder('XDG_CACHE_HOME') ?? join(homeFolder(env), '.cache'), 'huggingface');
  const offlineBy = ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'].find(given);
  return {
    cache: folder('HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE') ?? join(home, 'hub'),
    tokenFile: folder('HF_TOKEN_PATH') ?? join(home, 'token'),
    endpoint: endpointOf(given('HF_ENDPOINT')),
    /** The variable that forbids downloads, if one does. */
    offline: offlineBy && isTrue(given(offlineBy)) ? offlineBy : undefined,
  };
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}

/** @throws Error when HF_ENDPOINT is no address. */
function endpointOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  if (/^https?:\/\/[^/]/i.test(address) && URL.canParse(address)) return address.replace(/\/+$/, '');
  throw new Error('HF_ENDPOINT: an address that begins with https:// is expected, such as https://huggingface.co');
}

/** A person's folder. An empty HOME is none. */
function homeFolder(env: NodeJS.ProcessEnv): string {
  return (process.platform !== 'win32' && env.HOME) || homedir() || userInfo().homedir;
}

/**
 * A path with `~` and `$NAME` in it, as Python's expanduser and expandvars read it.
 * @throws Error naming the variable when it would begin in a folder of that very name.
 */
function expandPath(path: string, name: string, env: NodeJS.ProcessEnv): string {
  const known = (whole: string, braced?: string, plain?: string) => env[braced ?? plain ?? ''] ?? whole;
  const expanded = path
    .replace(/^~(?=$|[\\/])/, () => homeFolder(env))
    .replace(/\$(?:\{([^}]*)\}|(\w+))/g, known)
    .replace(process.platform === 'win32' ? /%(\w+)%/g : /(?!)/, known);
  if (!/^[~$]/.test(expanded)) return expanded;
  throw new Error(`${name}: ${quote(path)} is no folder (~ and $NAME of this machine are expanded); give a whole path`);
}

/**
 * The newest snapshot of a model in the cache, if it is complete.
 * @param file A GGUF file of the model. Then only that file counts.
 */
export async function cachedSnapshot(id: string, file?: string): Promise<string | undefined> {
  const folder = modelFolder(id);
  const revision = await readFile(join(folder, 'refs', 'main'), 'utf8').catch(() => undefined);
  if (revision === undefined) return undefined;
  const snapshot = join(folder, 'snapshots', revision.trim());
  if (!(await stat(join(snapshot, file ?? 'config.json')).catch(() => undefined))) return undefined;
  try {
    if (file !== undefined) await readGgufBase(join(snapshot, file));
    else await (await openCheckpoint(snapshot)).close();
    return snapshot;
  } catch {
    return undefined; // another tool left it unfinished
  }
}

export interface DownloadModelOptions {
  /** A GGUF file of the model. Then only that file is downloaded, with the other parts of a split one. */
  file?: string;
  /** Called with the model once the hub has described it. */
  onModel?: (model: HubModel, bytes: number) => void;
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
}

/**
 * Downloads the files that a classifier needs into the cache. A broken or stopped download resumes.
 * @returns the folder of the snapshot.
 * @throws Error saying what is wrong: the hub cannot be reached, the model does not exist, a token is missing, the
 * licence is not accepted, or the disk is too small.
 */
export async function downloadModel(id: string, options: DownloadModelOptions = {}): Promise<string> {
  const { file, onModel, onProgress, signal } = options;
  const { endpoint } = hubPlaces();
  const model = await hubModel(id, { file, endpoint, token: await accessToken(), signal });
  const folder = modelFolder(id);
  const blobs = join(folder, 'blobs');
  await mkdir(blobs, { recursive: true });
  const bytes = model.files.reduce((sum, { size }) => sum + size, 0);
  await checkSpace(blobs, model, bytes);
  onModel?.(model, bytes);
  const files = model.files.map((file) => ({ ...file, name: file.blob }));
  await downloadCheckpoint(files, diskStore(blobs), { headers: model.headers, onProgress, signal });
  const snapshot = join(folder, 'snapshots', model.commit);
  await mkdir(snapshot, { recursive: true });
  for (const file of model.files) await link(file, blobs, snapshot);
  await mkdir(join(folder, 'refs'), { recursive: true });
  const ref = join(folder, 'refs', 'main');
  await storing(ref, writeFile(ref, model.commit));
  return snapshot;
}

function modelFolder(id: string): string {
  return join(hubPlaces().cache, `models--${id.replace('/', '--')}`);
}

/** The access token from the environment, or from `hf auth login`. @throws FileError naming its source when it is bad. */
export async function accessToken(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN?.trim())) return undefined;
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN']) {
    const token = cleanToken(env[name], name);
    if (token) return token;
  }
  const { tokenFile } = hubPlaces(env);
  return cleanToken(await readFile(tokenFile, 'utf8').catch(() => ''), tokenFile);
}

async function checkSpace(blobs: string, { id, files }: HubModel, bytes: number): Promise<void> {
  const there = await Promise.all(
    files.map(({ blob, size }) =>
      stat(join(blobs, blob)).then(
        () => size,
        () => 0,
      ),
    ),
  );
  const needed = bytes - there.reduce((a, b) => a + b, 0);
  const { bavail, bsize } = await statfs(blobs);
  if (needed <= bavail * bsize) return;
  const gb = (count: number) => `${(count / 1e9).toFixed(1)} GB`;
  throw new Error(`${id}: ${gb(needed)} are to be downloaded, ${gb(bavail * bsize)} are free on the disk of ${blobs}`);
}

/** A snapshot's file links to its content. It is a copy where links are not allowed (Windows without that right). */
async function link({ name, blob }: HubFile, blobs: string, snapshot: string): Promise<void> {
  const path = join(snapshot, name);
  await unlink(path).catch(() => {});
  try {
    await symlink(join('..', '..', 'blobs', blob), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return; // another process was faster
    await copyFile(join(blobs, blob), path);
  }
}
