/** @file A tensor that goes from one checkpoint to another as it is. */
import type { Checkpoint, TensorInput } from '@arena/safetensors';

/**
 * The tensor, read some rows at a time when its turn to be written comes.
 * @param part Bytes that are in memory at a time.
 */
export function copiedTensor(checkpoint: Checkpoint, name: string, part = 2 ** 26): TensorInput {
  const { dtype, shape, begin, end } = checkpoint.tensors.get(name)!;
  if (end - begin <= part) return { name, dtype, shape, data: async () => (await checkpoint.read(name)).data };
  const [rows] = shape;
  const some = Math.max(1, Math.floor((part * rows) / (end - begin)));
  return {
    name,
    dtype,
    shape,
    async *data() {
      for (let row = 0; row < rows; row += some) {
        yield (await checkpoint.readRows(name, row, Math.min(rows, row + some))).data;
      }
    },
  };
}
