/** @file A folder on disk as a run's store: files and folders in it are whole or absent. */
import { appendFile, readdir, rename, rm } from 'node:fs/promises';
import { writeFolder } from '@arena/files';
import { replaceFile, storing } from '@arena/files/write';
import type { Store } from '@arena/judge';

/** Leftovers of a killed process that wrote or removed a checkpoint. */
const LEFTOVER = /^checkpoint-\d+\.(tmp|old)-[\w-]+$/;

/** A store in an existing folder. */
export function folderStore(directory: string): Store {
  const at = (name: string) => `${directory}/${name}`;
  return {
    location: (folder) => (folder === undefined ? directory : at(folder)),
    write: (file, content) => replaceFile(at(file), content),
    append: (file, text) => storing(at(file), appendFile(at(file), text)),
    async writeFolder(folder, files) {
      await writeFolder(at(folder), files);
      for (const name of await readdir(directory)) {
        if (LEFTOVER.test(name)) await rm(at(name), { recursive: true, force: true });
      }
    },
    list: () => readdir(directory),
    async remove(name) {
      // Renames it before it removes its files: a kill in between leaves no partial checkpoint.
      const aside = at(`${name}.old-${process.pid}`);
      await rename(at(name), aside);
      await rm(aside, { recursive: true, force: true });
    },
  };
}
