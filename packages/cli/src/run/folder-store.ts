/** @file A folder on disk as a run's store: files and folders in it are whole or not there. */
import { appendFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import type { Store } from '@arena/judge';
import { writeFolder } from '@arena/lora';

/** What a killed process left of writing a checkpoint, or of removing one. */
const LEFTOVER = /^checkpoint-\d+\.(tmp|old)-[\w-]+$/;

/** A store in a folder that is there. */
export function folderStore(directory: string): Store {
  const at = (name: string) => `${directory}/${name}`;
  return {
    location: (folder) => (folder === undefined ? directory : at(folder)),
    async write(file, content) {
      await writeFile(at(`${file}.tmp`), content);
      await rename(at(`${file}.tmp`), at(file));
    },
    append: (file, text) => appendFile(at(file), text),
    async writeFolder(folder, files) {
      await writeFolder(at(folder), files);
      for (const name of await readdir(directory)) {
        if (LEFTOVER.test(name)) await rm(at(name), { recursive: true, force: true });
      }
    },
    list: () => readdir(directory),
    async remove(name) {
      // It loses its name before it loses its files: a kill in between leaves no checkpoint in parts.
      const aside = at(`${name}.old-${process.pid}`);
      await rename(at(name), aside);
      await rm(aside, { recursive: true, force: true });
    },
  };
}
