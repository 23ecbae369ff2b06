/** @file Writes a checkpoint of one or several files and an index, split and named like transformers. */
import { diskStore, type Weights } from '@arena/files';
import { quote } from '@arena/files/source';
import type { FileTarget } from '@arena/files/write';
import { isDtype, tensorBytes } from './dtype.js';
import { SafetensorsError } from './error.js';
import { compareNames, type Metadata, PYTORCH_METADATA } from './serialize.js';
import { fillSafetensors, type TensorInput } from './write-file.js';

/** Split and names of a checkpoint. Default basename `model`, metadata {@link PYTORCH_METADATA}. */
export interface ShardOptions {
  /** Largest file in bytes of tensor data (default 5e9); a larger tensor gets its own file. */
  maxShardBytes?: number;
  /** First part of the names: `model` gives model-00001-of-00002.safetensors. */
  basename?: string;
  metadata?: Metadata;
}

/**
 * Splits tensors into groups of at most `maxShardBytes`, in the order given.
 * @throws SafetensorsError for a bad shape.
 */
function splitShards<T extends TensorInput>(tensors: readonly T[], maxShardBytes: number): T[][] {
  const shards: T[][] = [];
  let shard: T[] = [];
  let shardBytes = 0;
  for (const tensor of tensors) {
    const bytes = tensorBytes(tensor.dtype, tensor.shape);
    if (bytes === undefined) {
      throw new SafetensorsError(
        'argument',
        `${tensor.dtype} [${tensor.shape.join(', ')}] is not a shape`,
        'tensors',
        tensor.name,
      );
    }
    if (bytes > maxShardBytes) {
      shards.push([tensor]);
      continue;
    }
    if (shardBytes + bytes > maxShardBytes) {
      shards.push(shard);
      shard = [];
      shardBytes = 0;
    }
    shard.push(tensor);
    shardBytes += bytes;
  }
  if (shard.length) shards.push(shard);
  return shards;
}

/**
 * Writes `<basename>.safetensors`, or several files and `<basename>.safetensors.index.json` when one would pass
 * `maxShardBytes`. The index is written last; then files of the same basename from an earlier save are removed.
 * @param to A folder's path (Node), or where its files go: `opfsStore(handle)`, `bytesTarget()`.
 * @param weights Tensors in the order of the split: a list, or a model's tensors, which are read part by part.
 * @returns the names of the files, the index last.
 * @throws SafetensorsError when there are no tensors, or the format has no type for one; and as `writeSafetensors`.
 * @example
 * await writeSharded('copy', await openWeights('gemma-2-2b'), { maxShardBytes: 1e9 });
 */
export async function writeSharded(
  to: string | FileTarget,
  weights: readonly TensorInput[] | Weights,
  { maxShardBytes = 5e9, basename = 'model', metadata = PYTORCH_METADATA }: ShardOptions = {},
): Promise<string[]> {
  const target = typeof to === 'string' ? diskStore(to) : to;
  const tensors = 'tensors' in weights ? inputsOf(weights) : weights;
  const place = typeof to === 'string' ? to : 'checkpoint';
  if (!tensors.length) throw new SafetensorsError('argument', 'there are no tensors to write', place);
  const shards = splitShards(tensors, maxShardBytes);

  const written: string[] = [];
  const weightMap = new Map<string, string>();
  const number = (value: number) => String(value).padStart(5, '0');
  for (const [i, shard] of shards.entries()) {
    const single = shards.length === 1;
    const file = `${basename}${single ? '' : `-${number(i + 1)}-of-${number(shards.length)}`}.safetensors`;
    await target.write(file, fillSafetensors(shard, metadata, `${place}/${file}`));
    written.push(file);
    for (const tensor of shard) weightMap.set(tensor.name, file);
  }
  if (shards.length > 1) {
    const file = `${basename}.safetensors.index.json`;
    await target.write(file, indexJson(tensors, weightMap));
    written.push(file);
  }
  for (const file of await target.names()) {
    const ours =
      file.startsWith(basename) &&
      /^(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/.test(file.slice(basename.length));
    if (ours && !written.includes(file)) await target.remove(file);
  }
  return written;
}

/** A model's tensors for a writer: each is read when its turn comes. */
function inputsOf(weights: Weights): TensorInput[] {
  return Array.from(weights.tensors, ([name, { shape, stored }]) => {
    if (isDtype(stored)) return { name, dtype: stored, shape, data: () => weights.readStored(name) };
    throw new SafetensorsError(
      'argument',
      `is stored as ${quote(stored)}, which no .safetensors file holds`,
      weights.place,
      name,
    );
  });
}

/** The index as Python's json.dumps writes it with indent 2 and sorted keys. */
function indexJson(tensors: readonly TensorInput[], weightMap: ReadonlyMap<string, string>): string {
  let totalBytes = 0;
  let parameters = 0;
  for (const { dtype, shape } of tensors) {
    totalBytes += tensorBytes(dtype, shape) ?? 0;
    parameters += shape.reduce((product, size) => product * size, 1);
  }
  const names = [...weightMap.keys()].sort(compareNames);
  const index = {
    metadata: { total_parameters: parameters, total_size: totalBytes },
    // A list of lines: an object would put names that are whole numbers first.
    weight_map: names.map((name) => `    ${asciiJson(name)}: ${asciiJson(weightMap.get(name)!)}`).join(',\n'),
  };
  const head = JSON.stringify({ metadata: index.metadata }, null, 2).slice(0, -2);
  return `${head},\n  "weight_map": {\n${index.weight_map}\n  }\n}\n`;
}

/** JSON text of a string with non-ASCII characters escaped. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
