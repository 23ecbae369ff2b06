/** @file A judge as the `model` of a pipeline: tensors in, tensors out. */
import type { Judge } from '@arena/judge';
import { labelNames } from '@arena/judge/card';
import { TransformersError } from './error.js';

/** A tensor of transformers.js, as far as it is read here. */
interface Integers {
  data: ArrayLike<number | bigint>;
  dims: readonly number[];
}

/** Tokens [batch, tokens] and 1 where they count, as tokenizers of transformers.js give them. */
export interface ModelInputs {
  input_ids: Integers;
  attention_mask?: Integers;
}

/**
 * The callable model, with the part of a config.json that pipelines read.
 * @param tensor Makes a tensor of logits [batch, labels].
 */
export function pipelineModel<Logits>(judge: Judge, tensor: (rows: Float32Array[]) => Logits) {
  const names = labelNames(judge.objective);
  const call = async (inputs: ModelInputs) => ({ logits: tensor(await judge.logits(rowsOf(inputs))) });
  return Object.assign(call, {
    config: {
      model_type: judge.model.config.modelType,
      // one label: sigmoid of the reward
      problem_type: names.length === 1 ? 'multi_label_classification' : 'single_label_classification',
      num_labels: names.length,
      id2label: Object.fromEntries(names.map((name, i) => [i, name])) as Record<number, string>,
      label2id: Object.fromEntries(names.map((name, i) => [name, i])) as Record<string, number>,
    },
    dispose: () => judge.dispose(),
  });
}

/** The tokens of each row without its padding. */
function rowsOf({ input_ids: ids, attention_mask: mask }: ModelInputs): Int32Array[] {
  const [count, width] = ids?.dims ?? [];
  if (ids?.dims.length !== 2 || (mask && mask.data.length !== ids.data.length)) {
    const shapes = `input_ids [${ids?.dims ?? 'missing'}], attention_mask [${mask?.dims ?? 'missing'}]`;
    throw new TransformersError('input', `${shapes}: two tensors [batch, tokens] are expected`);
  }
  return Array.from({ length: count }, (_, row) => {
    const tokens: number[] = [];
    for (let i = row * width; i < (row + 1) * width; i++)
      if (!mask || Number(mask.data[i])) tokens.push(Number(ids.data[i]));
    if (!tokens.length) throw new TransformersError('input', `row ${row} has no token that attention_mask counts`);
    return Int32Array.from(tokens);
  });
}
