/** @file The runs in a folder, read from their logs. */
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

/** A run with a log.jsonl. */
export interface RunSummary {
  name: string;
  /** Milliseconds since 1970 of the last line. */
  changed: number;
  /** Steps so far, and of the whole run where its settings give it. */
  step: number;
  settings: Record<string, unknown>;
}

/** Bytes of a log read at once. */
const PART = 4_000_000;

/** Folders with a log: `directory` itself, or folders in it, newest first. */
export async function listRuns(directory: string): Promise<RunSummary[]> {
  const names = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const folders = names.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const runs = await Promise.all(['.', ...folders].map((name) => summarize(directory, name)));
  return runs.filter((run) => run !== undefined).sort((a, b) => b.changed - a.changed);
}

async function summarize(directory: string, name: string): Promise<RunSummary | undefined> {
  const folder = join(directory, name);
  const info = await stat(join(folder, 'log.jsonl')).catch(() => undefined);
  if (!info) return undefined;
  const settings = await readFile(join(folder, 'run.json'), 'utf8')
    .then((text) => JSON.parse(text) as Record<string, unknown>)
    .catch(() => ({}));
  const tail = await readLog(directory, name, Math.max(0, info.size - 4000));
  const last = tail?.lines.at(-1)?.step;
  const shown = name === '.' ? basename(resolve(directory)) : name;
  return { name: shown, changed: info.mtimeMs, step: typeof last === 'number' ? last : 0, settings };
}

/**
 * Whole lines of a run's log from a byte offset, and the offset for the next call.
 * @returns undefined when there is no such run.
 */
export async function readLog(
  directory: string,
  name: string,
  from: number,
): Promise<{ lines: Record<string, unknown>[]; next: number } | undefined> {
  const folder = name === '.' || name === basename(resolve(directory)) ? directory : join(directory, name);
  const file = await open(join(folder, 'log.jsonl')).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    const begin = from > size ? 0 : from; // a resumed run rewrites its log
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(PART, size - begin)), 0, undefined, begin);
    const text = buffer.subarray(0, bytesRead);
    const end = text.lastIndexOf(10) + 1;
    const lines = text.subarray(0, end).toString('utf8').split('\n').flatMap(parseLine);
    return { lines, next: begin + end };
  } finally {
    await file.close();
  }
}

function parseLine(line: string): Record<string, unknown>[] {
  try {
    const value = JSON.parse(line) as unknown;
    return typeof value === 'object' && value !== null ? [value as Record<string, unknown>] : [];
  } catch {
    return []; // the first line of a tail may be cut
  }
}
