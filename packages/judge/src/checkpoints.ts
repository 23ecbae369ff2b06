/** @file The checkpoints of a run in its store: folders `checkpoint-<step>`. */
import type { Store } from './store.js';

const FOLDER = /^checkpoint-(\d+)$/;

/** The folder of the newest checkpoint, or undefined. A store lists only whole ones. */
export async function latestCheckpoint(store: Store): Promise<string | undefined> {
  const step = (await checkpointSteps(store)).at(-1);
  return step === undefined ? undefined : folderOf(step);
}

/**
 * Stores a checkpoint.
 * @param keep Number of newest checkpoints to keep. Removes older ones after it has stored the new one.
 * @returns the name of its folder.
 */
export async function keepCheckpoint(
  store: Store,
  step: number,
  files: Record<string, Uint8Array>,
  keep = Number.POSITIVE_INFINITY,
): Promise<string> {
  const folder = folderOf(step);
  await store.writeFolder(folder, files);
  const steps = (await checkpointSteps(store)).filter((one) => one <= step);
  for (const old of steps.slice(0, Math.max(0, steps.length - keep))) await store.remove(folderOf(old));
  return folder;
}

/** What to do about a checkpoint that cannot be used. */
export async function withoutCheckpoint(store: Store, folder: string): Promise<string> {
  const step = Number(FOLDER.exec(folder)?.[1]);
  const older = (await checkpointSteps(store)).findLast((one) => one < step);
  const from = older === undefined ? 'begin again with the first step' : `go on from ${folderOf(older)}`;
  return `remove ${folder} to ${from}`;
}

function folderOf(step: number): string {
  return `checkpoint-${step}`;
}

/** Steps, ascending. */
async function checkpointSteps(store: Store): Promise<number[]> {
  const names = await store.list();
  return names.flatMap((name) => FOLDER.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b); // biome-ignore format: a chain
}
