/** @file What `--data`, `--base` and `--adapter` take, in the help of the commands. */

/** Files and data sets. */
export const VOTES =
  'votes: parquet, csv or jsonl in any known schema, or a data set on the hub: owner/name, owner/name/config:split@revision';

/** What `--base` takes. */
export const BASE = 'base: a folder, a GGUF file, or a hub id, owner/name[@revision]';

/** What `--adapter` takes. */
export const ADAPTER = "adapter folder, its run's, or a hub id";
