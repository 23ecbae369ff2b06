/** @file The run under way, kept in the browser's private file system (OPFS) so that a reloaded page goes on from it. */
import { opfsFolder } from '@arena/files';

const ROOT = 'arena';
const LATEST = 'latest.json';

/** A folder below the app's own, made when needed. */
export async function folder(...path: string[]): Promise<FileSystemDirectoryHandle> {
  let handle = await navigator.storage.getDirectory();
  for (const name of [ROOT, ...path]) handle = await handle.getDirectoryHandle(name, { create: true });
  return handle;
}

/** Writes a file; it has its new content whole or keeps the old. */
export async function write(directory: FileSystemDirectoryHandle, name: string, content: Uint8Array | string) {
  const stream = await (await directory.getFileHandle(name, { create: true })).createWritable();
  await stream.write(content as Uint8Array<ArrayBuffer>);
  await stream.close();
}

async function readJson<T>(directory: FileSystemDirectoryHandle, name: string): Promise<T | null> {
  const source = await opfsFolder(directory)(name);
  return source ? (JSON.parse(new TextDecoder().decode(await source.read(0, source.size))) as T) : null;
}

/** Begins a run: what was saved of an earlier one is gone. */
export async function beginRun(files: Record<string, string>): Promise<void> {
  await forgetRun();
  const run = await folder('run');
  for (const [name, content] of Object.entries(files)) await write(run, name, content);
}

/** Where the saved run stands. */
interface Latest {
  step: number;
  totalSteps: number;
  /** Folder of the checkpoint, or of the adapter when `done`. */
  name: string;
  done: boolean;
}

/** Keeps a checkpoint, or the adapter of a run that is done: files first, then the word that they are the latest. */
export async function keepFiles(
  { step, totalSteps, done }: Omit<Latest, 'name'>,
  files: Record<string, Uint8Array>,
): Promise<void> {
  const run = await folder('run');
  const name = done ? 'adapter' : `checkpoint-${step}`;
  const target = await run.getDirectoryHandle(name, { create: true });
  for (const [file, content] of Object.entries(files)) await write(target, file, content);
  await write(run, LATEST, JSON.stringify({ step, totalSteps, name, done } satisfies Latest));
  for await (const entry of (run as unknown as { keys(): AsyncIterable<string> }).keys()) {
    if (entry.startsWith('checkpoint-') && entry !== name) await run.removeEntry(entry, { recursive: true });
  }
}

/** The saved run: where it stands, and openers of its files and of its newest checkpoint or adapter. Null without one. */
export async function savedRun() {
  const run = await folder('run');
  const latest = await readJson<Latest>(run, LATEST).catch(() => null);
  if (!latest) return null;
  return { ...latest, files: opfsFolder(run), newest: opfsFolder(await run.getDirectoryHandle(latest.name)) };
}

/** Takes the saved run away. */
export async function forgetRun(): Promise<void> {
  const root = await folder();
  await root.removeEntry('run', { recursive: true }).catch(() => {}); // there was none
}

/** Whether the browser has no room left. */
export function isQuota(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'QuotaExceededError';
}
