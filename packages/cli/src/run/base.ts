/** @file A base checkpoint by folder or hub id, and its tokenizer. */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadTokenizer, type Tokenizer } from '@arena/tokenizer';

const HUB_ID = /^[\w.-]+\/[\w.-]+$/;

/**
 * The folder of a base: itself, or for a hub id (`google/gemma-2-2b`) its newest snapshot in Hugging Face's cache on this machine
 * (`HF_HUB_CACHE`, `HF_HOME`, or the usual place). Nothing is downloaded.
 * @throws Error saying where it was looked for and how to get it.
 */
export async function resolveBase(base: string): Promise<string> {
  if (!HUB_ID.test(base) || (await stat(base).catch(() => undefined))) return base;
  const { HF_HUB_CACHE, HF_HOME } = process.env;
  const cache = HF_HUB_CACHE ?? join(HF_HOME ?? join(homedir(), '.cache', 'huggingface'), 'hub');
  const model = join(cache, `models--${base.replace('/', '--')}`);
  const revision = await readFile(join(model, 'refs', 'main'), 'utf8').catch(() => {
    throw new Error(
      `${base}: no such folder, and no such model in ${cache}; download it first (\`huggingface-cli download ${base}\`, after ` +
        'accepting its licence on Hugging Face), or give the folder that holds it',
    );
  });
  return join(model, 'snapshots', revision.trim());
}

/**
 * The tokenizer.json of a checkpoint folder.
 * @throws Error naming the file when it is missing or is no tokenizer that is known here.
 */
export async function openTokenizer(base: string): Promise<Tokenizer> {
  const path = `${base}/tokenizer.json`;
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be read (${error.code}); the base's tokenizer is needed beside its weights`);
  });
  try {
    return loadTokenizer(bytes);
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

/** How an adapter names its base: a hub id stays as it is, a folder becomes absolute. */
export async function baseName(base: string): Promise<string> {
  return (await resolveBase(base)) === base ? resolve(base) : base;
}
