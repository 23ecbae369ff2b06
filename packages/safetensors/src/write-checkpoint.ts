/** @file Writes a checkpoint folder as Hugging Face keeps it: weights, config.json, and what stands beside them. */
import type { Location, Weights } from '@arena/files';
import { openerAt, partsOf } from '@arena/files/source';
import type { FileTarget } from '@arena/files/write';
import { writeSharded } from './write-sharded.js';

/** What stands beside the weights. */
export interface CheckpointFiles {
  /** Text of config.json. */
  config: string;
  /** Where files are copied from, and which; those that are not there are left out. */
  copied?: { from: Location; files: readonly string[] };
  /** More files, by name. */
  others?: Readonly<Record<string, string | Uint8Array>>;
}

/**
 * Writes the weights as {@link writeSharded} does, then the files beside them.
 * @param to Where the files go: `diskStore(path)` (Node), `opfsStore(handle)`, `bytesTarget()`.
 */
export async function writeCheckpoint(
  to: FileTarget,
  weights: Weights,
  { config, copied, others = {} }: CheckpointFiles,
): Promise<void> {
  await writeSharded(to, weights);
  await to.write('config.json', config);
  for (const file of copied?.files ?? []) {
    const source = await openerAt(copied!.from)(file);
    if (!source) continue;
    try {
      await to.write(file, async (write) => {
        for await (const part of partsOf(source)) await write(part);
      });
    } finally {
      await source.close?.();
    }
  }
  for (const [file, content] of Object.entries(others)) await to.write(file, content);
}
