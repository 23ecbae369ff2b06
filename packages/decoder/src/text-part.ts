/**
 * @file The text model inside a multimodal checkpoint: its config.json has a `text_config`, its tensors a prefix (one in
 * files of the hub and of transformers 4, another in those of transformers 5). What sees and hears is passed by. A model
 * that was saved without a head has no prefix at all, one that was saved while it was wrapped has the wrapper's.
 */
import type { StoredTensor, Weights } from '@arena/files';
import { parsePythonJson, rewriteJson } from '@arena/safetensors/json';
import { EMBEDDING_NAME } from './tensors.js';

/** Fields that a multimodal config.json has outside `text_config`, and that speak of the classifier as a whole. */
const WHOLE = [
  ...['id2label', 'label2id', 'num_labels', 'problem_type', 'pad_token_id'],
  ...['dtype', 'torch_dtype', 'quantization_config', 'transformers_version'],
];

/** The text of a config.json; of a multimodal one its text model's, with what the whole says of labels and types. */
export function textPart(text: string): string {
  let parsed: { text_config?: unknown };
  try {
    parsed = parsePythonJson(text) as { text_config?: unknown };
  } catch {
    return text; // said by whoever reads it
  }
  if (typeof parsed?.text_config !== 'object' || parsed.text_config === null) return text;
  return rewriteJson(text, (json) => {
    const whole = Object.fromEntries(WHOLE.flatMap((key) => (json[key] === undefined ? [] : [[key, json[key]]])));
    const model_type = `${json.model_type}_text`;
    return { model_type, ...whole, ...(json.text_config as Record<string, unknown>) };
  });
}

/** What stands before `embed_tokens.weight` and `layers.…` in place of `model.`. */
const PREFIXES = ['language_model.model.', 'model.language_model.', ''];
/** What DDP and torch.compile put in front of all names. */
const WRAPPERS = /^(?:module\.|_orig_mod\.)+/;
/** Tensors that stand beside the text model and are read too. */
const BESIDE = new Map([
  ['score.weight', 'score.weight'],
  ['lm_head.weight', 'lm_head.weight'],
  ['language_model.lm_head.weight', 'lm_head.weight'],
]);

/** The weights of a text model under its own names: as they are, or out of those of a multimodal model. */
export function textWeights(weights: Weights): Weights {
  const { tensors } = weights;
  if (tensors.has(EMBEDDING_NAME)) return weights;
  const plain = new Map([...tensors.keys()].map((name) => [name.replace(WRAPPERS, ''), name])); // to the name in the file
  const prefix = ['model.', ...PREFIXES].find((one) => plain.has(EMBEDDING_NAME.replace('model.', one)));
  if (prefix === undefined) return weights;
  const stored = new Map<string, string>(); // by the name here, the name in the file
  for (const [name, own] of plain) {
    const beside = BESIDE.get(name);
    if (beside) stored.set(beside, own);
    else if (name.startsWith(prefix)) stored.set(`model.${name.slice(prefix.length)}`, own);
  }
  const named = (name: string) => stored.get(name) ?? name; // a name that is missing is missed in the file
  return {
    place: weights.place,
    tensors: new Map([...stored].map(([name, own]): [string, StoredTensor] => [name, tensors.get(own)!])),
    readFloat32: (name, rows) => weights.readFloat32(named(name), rows),
    readStored: (name) => weights.readStored(named(name)),
    close: () => weights.close(),
  };
}
