/** @file A folder on disk as a run's store: files and folders in it are whole or not there. */
import { appendFile, readdir, rename, rm } from 'node:fs/promises';
import { writeFolder } from '@arena/files';
import { replaceFile } from '@arena/files/write';
import type { Store } from '@arena/judge';

/** What a killed process left of writing a checkpoint, or of removing one. */
const LEFTOVER = /^checkpoint-\d+\.(tmp|old)-[\w-]+$/;

/** A store in a folder that is there. */
export function folderStore(directory: string): Store {
  const at = (name: string) => `${directory}/${name}`;
  return {
    location: (folder) => (folder === undefined ? directory : at(folder)),
    write: (file, content) => replaceFile(at(file), content),
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
