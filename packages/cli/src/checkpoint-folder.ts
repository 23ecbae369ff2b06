/** @file A checkpoint folder that a command makes out of another. */
import { readdir } from 'node:fs/promises';
import type { CheckpointView } from '@arena/decoder/checkpoint';
import { diskStore } from '@arena/files';
import { replaceFolder } from '@arena/files/write';
import { writeCheckpoint } from '@arena/safetensors';

/**
 * Writes a view of the checkpoint in `base` to a new folder, with those files of the base that `copied` matches; closes
 * the view.
 * @param others More files for the folder, by name.
 */
export async function writeCheckpointFolder(
  out: string,
  { weights, config }: CheckpointView,
  base: string,
  copied: RegExp,
  others: Record<string, string> = {},
): Promise<void> {
  try {
    const files = (await readdir(base)).filter((file) => copied.test(file));
    const beside = { config, copied: { from: base, files }, others };
    await replaceFolder(out, (folder) => writeCheckpoint(diskStore(folder), weights, beside), { isNew: true });
  } finally {
    await weights.close();
  }
}
