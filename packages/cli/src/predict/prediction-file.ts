/**
 * @file A file of predictions that grows window by window. A stopped run resumes; the file gets its name when it is
 * whole.
 */
import { createHash } from 'node:crypto';
import { access, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { Battle } from '@arena/data';
import { storing } from '@arena/files/write';

/** Scores consecutive battles: one line of JSON each, in order. */
export type ScoreWindow = (battles: Battle[]) => Promise<string[]>;

export interface PredictionFileOptions {
  /** Battles that are scored, written and synced together (default 1,024). */
  window?: number;
  onProgress?: (done: number) => void;
}

/**
 * Writes a line for every battle to `path`. Keeps what an earlier call with the same key wrote to `path.part`.
 * @param key What the lines depend on besides the battles, such as {@link predictionKey}.
 * @throws Error when `path` exists, or `path.part` is of another key or other battles.
 */
export async function writePredictions(
  path: string,
  key: string,
  battles: AsyncIterable<Battle>,
  score: ScoreWindow,
  { window = 1024, onProgress }: PredictionFileOptions = {},
): Promise<void> {
  if (await access(path).then(() => true, () => false)) throw new Error(`${path}: exists already; choose another --out`); // biome-ignore format: a question
  const part = `${path}.part`;
  const known = await knownIds(part, key).catch((error: NodeJS.ErrnoException) => {
    throw error.syscall ? new Error(`${path}: cannot be written (${error.code}); does its folder exist?`) : error;
  });
  const file = await open(part, 'a');
  let done = 0;
  let waiting: Battle[] = [];
  const flush = async () => {
    if (!waiting.length) return;
    await storing(part, file.appendFile(`${(await score(waiting)).join('\n')}\n`));
    await storing(part, file.sync());
    done += waiting.length;
    waiting = [];
    onProgress?.(done);
  };
  try {
    for await (const battle of battles) {
      if (done < known.length) {
        if (known[done] !== battle.id) {
          throw new Error(
            `${part}: line ${done + 1} is of battle ${known[done]}, the data has ${battle.id}; remove it to start again`,
          );
        }
        done++;
        continue;
      }
      waiting.push(battle);
      if (waiting.length >= window) await flush();
    }
    await flush();
    if (known.length > done)
      throw new Error(`${part}: has ${known.length} lines for ${done} battles; remove it to start again`);
  } finally {
    await file.close();
  }
  await rename(part, path);
  await rm(`${part}.key`, { force: true });
}

const NEWLINE = 0x0a;

/** Ids of the whole lines of an earlier run. Removes a line that was cut. */
async function knownIds(part: string, key: string): Promise<string[]> {
  const left = await stat(part).catch(() => undefined);
  const before = await readFile(`${part}.key`, 'utf8').catch(() => undefined);
  if (!left) {
    await writeFile(`${part}.key`, key);
    return [];
  }
  if (before !== key) {
    throw new Error(`${part}: was left by a run with another base, adapter or options; remove it to start again`);
  }
  const ids: string[] = [];
  let bytes = 0;
  const lines = await readFile(part);
  for (let end = lines.indexOf(NEWLINE); end >= 0; end = lines.indexOf(NEWLINE, bytes)) {
    ids.push((JSON.parse(lines.toString('utf8', bytes, end)) as { id: string }).id);
    bytes = end + 1; // what follows the last newline is a line in whose middle the process ended
  }
  const file = await open(part, 'r+');
  await file.truncate(bytes);
  await file.close();
  return ids;
}

/** A key that changes with the adapter's bytes, its packing, the base and the other values. */
export async function predictionKey(adapterPath: string, ...others: unknown[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(others));
  for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'arena.json']) {
    hash.update(await readFile(`${adapterPath}/${name}`).catch(() => ''));
  }
  return hash.digest('hex');
}
