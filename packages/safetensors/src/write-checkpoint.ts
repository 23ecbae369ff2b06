/** @file Writes a checkpoint folder in Hugging Face's form: weights, config.json, and other files. */
import type { Location, Weights } from '@arena/files';
import { openerAt, partsOf } from '@arena/files/source';
import type { FileTarget } from '@arena/files/write';
import { writeSharded } from './write-sharded.js';

/** The files beside the weights. */
export interface CheckpointFiles {
  /** Text of config.json. */
  config: string;
  /** Files to copy, and their source. Missing ones are skipped. */
  copied?: { from: Location; files: readonly string[] };
  /** More files, by name. */
  others?: Readonly<Record<string, string | Uint8Array>>;
}

/**
 * Writes the weights like {@link writeSharded}, then the files beside them.
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
