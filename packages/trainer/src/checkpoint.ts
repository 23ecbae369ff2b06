/**
 * @file A checkpoint folder, `checkpoint-<step>`: the model's own files (a PEFT adapter), optimizer.safetensors,
 * trainer_state.json in the Hugging Face Trainer's form, the best weights so far, and arena_state.json with the hashes
 * of all of them. It appears whole or not at all. A checkpoint of the Hugging Face Trainer can be read, too.
 */

import { bytesSource, type Location, readFileAt, writeFolder } from '@arena/files';
import { placeName } from '@arena/files/source';
import { portableSha256 } from '@arena/files/write';
import { openSafetensors, type SafeTensor, serialize } from '@arena/safetensors';
import { parsePythonJson } from '@arena/safetensors/json';
import { toFloat32 } from '@arena/safetensors/tensor';
import { TrainerError } from './error.js';
import { readOptimizerPt } from './hf-optimizer.js';
import { restoreState, stateTensors } from './optimizer-state.js';
import type { TrainProgress } from './train.js';
import type { Trainable } from './trainable.js';
import { formatTrainerState, parseTrainerState, type RunInfo, type TrainerState } from './trainer-state.js';

/** A checkpoint's facts on its run. */
export interface CheckpointInfo extends RunInfo {
  /** Settings of the run, stored verbatim in arena_state.json. */
  settings?: unknown;
}

/**
 * A checkpoint, read without the model's own files (`loadAdapter` reads an adapter from the same place). {@link restoreProgress} puts the optimizer's moments on the engine.
 */
export interface Checkpoint extends TrainerState {
  /** Its place, for messages. */
  place: string;
  optimizer: { step: number; moments: Map<string, SafeTensor> };
  bestValues?: Map<string, Float32Array>;
  settings?: unknown;
  /** Names of the trained parameters in the model's order; only in Arena's checkpoints. */
  parameters?: string[];
  /** Names of the model's own files; only in Arena's checkpoints. */
  modelFiles?: string[];
}

interface ArenaState {
  format: typeof FORMAT;
  settings: unknown;
  /** Names of the trained parameters in the model's order, which is also torch's. */
  parameters: string[];
  /** SHA-256 of every other file, in hexadecimal. */
  files: { [name: string]: string };
}

const FORMAT = 'arena-checkpoint-1';
const FOLDER = /^checkpoint-(\d+)$/;
const LEFTOVER = /^checkpoint-\d+\.(tmp|old)-[\w-]+$/;
const BEST_FILE = 'best_weights.safetensors';
/** Files that do not belong to the model. */
const OWN_FILES = ['optimizer.safetensors', 'trainer_state.json', BEST_FILE];
const MAX_JSON_BYTES = 64e6;
const MAX_STATE_BYTES = 4e9;

/** The files of a checkpoint, by name: for {@link saveCheckpoint}, or for a page's own storage. */
export async function checkpointFiles(
  model: Trainable,
  progress: TrainProgress,
  info: CheckpointInfo,
): Promise<Record<string, Uint8Array>> {
  const trained = model.parameters();
  const parameters = trained.map(({ name }) => name);
  const moments = await stateTensors(trained, progress.optimizer);
  const files: Record<string, Uint8Array> = {
    ...(await model.files()),
    'optimizer.safetensors': serialize(moments, { format: 'pt', step: String(progress.optimizer.step) }),
    'trainer_state.json': new TextEncoder().encode(formatTrainerState(progress, info)),
  };
  if (progress.best) files[BEST_FILE] = serialize(bestTensors(progress.best.values));
  const state: ArenaState = { format: FORMAT, settings: info.settings ?? null, parameters, files: {} };
  for (const [name, bytes] of Object.entries(files)) state.files[name] = await sha256(bytes);
  return { ...files, 'arena_state.json': new TextEncoder().encode(`${JSON.stringify(state, null, 2)}\n`) };
}

/**
 * Writes `<directory>/checkpoint-<step>` (Node).
 * @param keep Number of newest checkpoints to keep (default: all). Removes older ones after it has written the new one.
 * @returns the folder's path.
 */
export async function saveCheckpoint(
  directory: string,
  model: Trainable,
  progress: TrainProgress,
  info: CheckpointInfo,
  keep = Number.POSITIVE_INFINITY,
): Promise<string> {
  const folder = `${directory}/checkpoint-${progress.step}`;
  await writeFolder(folder, await checkpointFiles(model, progress, info));
  await prune(directory, progress.step, keep);
  return folder;
}

/**
 * Removes checkpoints beyond the newest `keep`, and leftovers of a killed process. It renames a folder before it
 * removes the files, so that a kill in between leaves no partial checkpoint.
 */
async function prune(directory: string, step: number, keep: number): Promise<void> {
  const { readdir, rename, rm } = process.getBuiltinModule('node:fs/promises');
  const steps = (await checkpointSteps(directory)).filter((one) => one <= step);
  for (const old of steps.slice(0, Math.max(0, steps.length - keep))) {
    await rename(`${directory}/checkpoint-${old}`, `${directory}/checkpoint-${old}.old-${process.pid}`);
  }
  for (const name of await readdir(directory)) {
    if (LEFTOVER.test(name)) await rm(`${directory}/${name}`, { recursive: true, force: true });
  }
}

/** The newest checkpoint in a folder, or undefined. Only whole ones have the name: saving renames them into place. */
export async function latestCheckpoint(directory: string): Promise<string | undefined> {
  const step = (await checkpointSteps(directory)).at(-1);
  return step === undefined ? undefined : `${directory}/checkpoint-${step}`;
}

/** Steps of the checkpoints in a folder, ascending. */
async function checkpointSteps(directory: string): Promise<number[]> {
  const { readdir } = process.getBuiltinModule('node:fs/promises');
  const names = await readdir(directory).catch(() => [] as string[]);
  return names.flatMap((name) => FOLDER.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b); // biome-ignore format: a chain
}

/**
 * Reads a checkpoint of Arena or of the Hugging Face Trainer (adapter, optimizer.pt, trainer_state.json).
 * @throws TrainerError naming a file that is missing, was edited, or does not fit.
 * @example
 * const checkpoint = await loadCheckpoint('run/checkpoint-100');
 * await train({ ...options, resume: restoreProgress(checkpoint, options.model) });
 */
export async function loadCheckpoint(location: Location): Promise<Checkpoint> {
  const place = placeName(location);
  const read = async (name: string, maxBytes: number) => (await readFileAt(location, name, { maxBytes })) ?? undefined;
  const need = async (name: string, maxBytes: number) => {
    const bytes = await read(name, maxBytes);
    if (!bytes)
      throw new TrainerError('not_found', `${place}/${name}: cannot be read (ENOENT); a checkpoint folder is expected`);
    return bytes;
  };
  const arena = await read('arena_state.json', MAX_JSON_BYTES);
  const own = arena && (await checkHashes(arena, place, read));
  const statePath = `${place}/trainer_state.json`;
  const text = new TextDecoder().decode(await need('trainer_state.json', MAX_JSON_BYTES));
  const state = parseTrainerState(text, statePath);
  const stored = await read('optimizer.safetensors', MAX_STATE_BYTES);
  const optimizer = stored
    ? { step: state.step, moments: await readTensors(stored) }
    : readHfOptimizer(await need('optimizer.pt', MAX_STATE_BYTES), `${place}/optimizer.pt`);
  const best = state.best && (await read(BEST_FILE, MAX_STATE_BYTES));
  const bestValues = best && new Map([...(await readTensors(best))].map(([name, one]) => [name, values(one)]));
  return {
    ...state,
    place,
    optimizer,
    ...(bestValues ? { bestValues } : {}),
    settings: own?.settings,
    parameters: own?.parameters,
    modelFiles: own && Object.keys(own.files).filter((name) => !OWN_FILES.includes(name)),
  };
}

function readHfOptimizer(bytes: Uint8Array, path: string) {
  try {
    return readOptimizerPt(bytes);
  } catch (error) {
    throw new TrainerError('format', `${path}: ${(error as Error).message}`);
  }
}

/** A value for a message: JSON, cut where it is long. */
function shortJson(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isTextTable(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return isTexts(Object.values(value));
}

async function checkHashes(
  bytes: Uint8Array,
  place: string,
  read: (name: string, maxBytes: number) => Promise<Uint8Array | undefined>,
): Promise<ArenaState> {
  let state: ArenaState;
  try {
    state = parsePythonJson(new TextDecoder().decode(bytes)) as ArenaState;
  } catch (error) {
    throw new TrainerError('format', `${place}/arena_state.json: no JSON (${(error as Error).message})`);
  }
  const fail = (what: string, got: unknown, want: string): never => {
    throw new TrainerError('format', `${place}/arena_state.json: ${what} is ${shortJson(got)}, expected ${want}`);
  };
  if (state?.format !== FORMAT) fail('format', state?.format, `'${FORMAT}'`);
  if (!isTextTable(state.files)) fail('files', state.files, 'a table of file names with their SHA-256');
  if (state.parameters !== undefined && !isTexts(state.parameters))
    fail('parameters', state.parameters, 'a list of names');
  for (const [name, want] of Object.entries(state.files)) {
    const content = await read(name, MAX_STATE_BYTES);
    const got = content && (await sha256(content));
    if (got === want) continue;
    const what = got ? `has SHA-256 ${got.slice(0, 12)}…, it was written with ${want.slice(0, 12)}…` : 'is missing';
    throw new TrainerError('damaged', `${place}/${name}: ${what}; a checkpoint is only resumed from as it was saved`);
  }
  return state;
}

/**
 * Puts a checkpoint's optimizer state on the current engine, for a model that is loaded with its adapter.
 * @throws TrainerError naming a parameter with a missing state or one of another shape.
 */
export function restoreProgress(checkpoint: Checkpoint, model: Trainable): TrainProgress {
  const { place, step, log, evaluations, optimizer, best, bestValues } = checkpoint;
  return {
    step,
    log,
    evaluations,
    optimizer: restoreState(model.parameters(), optimizer.step, optimizer.moments, place),
    ...(best && bestValues ? { best: { ...best, values: bestValues } } : {}),
  };
}

function bestTensors(kept: Map<string, Float32Array>): SafeTensor[] {
  return [...kept].map(([name, one]) => ({
    name,
    dtype: 'F32',
    shape: [one.length],
    data: new Uint8Array(one.buffer, one.byteOffset, one.byteLength),
  }));
}

async function readTensors(bytes: Uint8Array): Promise<Map<string, SafeTensor>> {
  const file = await openSafetensors(bytesSource(bytes));
  const tensors = new Map<string, SafeTensor>();
  for (const name of file.names()) tensors.set(name, await file.read(name));
  return tensors;
}

function values(stored: SafeTensor): Float32Array {
  return Float32Array.from(toFloat32(stored));
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const { subtle } = globalThis.crypto;
  if (!subtle) return portably(bytes); // a page on an address that is not safe
  const digest = new Uint8Array(await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function portably(bytes: Uint8Array): string {
  const hash = portableSha256();
  hash.update(bytes);
  return hash.hex();
}
