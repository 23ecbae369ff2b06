/** @file The README.md of a folder for llama.cpp: what the files are, and how to ask the judge. */
import type { ModelCard } from './card.js';
import { frameParts } from './export-names.js';
import type { GgufForm } from './gguf-folder.js';

/** What the text says. */
export interface GgufReadmeInput {
  base: string;
  card: ModelCard;
  labels: readonly string[];
  files: readonly (readonly [form: GgufForm, file: string])[];
}

const FORMS: Readonly<Record<GgufForm, string>> = {
  lora: 'the LoRA adapter in float32, for `--lora` beside the base as GGUF',
  'lora-f16': 'the LoRA adapter in float16, for `--lora` beside the base as GGUF',
  f32: 'the base with the adapter merged, in float32',
  f16: 'the base with the adapter merged, matrices in float16',
  bf16: 'the base with the adapter merged, matrices in bfloat16',
  q8_0: 'the base with the adapter merged, matrices in blocks of 8 bits (Q8_0)',
};

/** The text. */
export function ggufReadme({ base, card, labels, files }: GgufReadmeInput): string {
  const isReward = card.head === 'reward';
  const names = isReward ? ['prompt', 'answer'] : ['prompt', 'a', 'b'];
  const parts = frameParts(card).map((part) =>
    'field' in part ? `(${part.field}, False)` : `(${JSON.stringify(part.text)}, True)`,
  );
  const [, model] = files.find(([form]) => !form.startsWith('lora')) ?? [];
  const [, lora] = files.find(([form]) => form.startsWith('lora')) ?? [];
  const opened = model ? `"${model}"` : `"the-base.gguf", lora_path="${lora}"`;
  const verdict = isReward
    ? `def probability(prompt, a, b):
    return 1 / (1 + math.exp(logits(prompt, b)[0] - logits(prompt, a)[0]))


print(probability("Why is the sky blue?", "Rayleigh scattering.", "Because."))`
    : `print(dict(zip(head["labels"], softmax(logits("Why is the sky blue?", "Rayleigh scattering.", "Because.")))))`;
  return `# A judge of two answers, for llama.cpp

${isReward ? 'Scores one answer to a prompt: P(A is preferred) = sigmoid(reward of A - reward of B).' : `Says which of two answers to a prompt people prefer: labels ${labels.join(', ')}.`}
It is a Gemma classifier with a LoRA adapter, trained by Arena on ${base}. Gemma's terms of use apply.

**The head is not in these files.** llama.cpp has no classifier head for Gemma, and its adapters take none. They hold everything below it:
llama.cpp's embedding of the last token, not normalised, times the rows in head.json gives the logits.

| file | what |
| --- | --- |
${files.map(([form, file]) => `| ${file} | ${FORMS[form]} |`).join('\n')}
| head.json | \`labels\`, and \`rows\` of the head for each |
| arena.json | how a text is packed |

\`\`\`python
import json
import math

import llama_cpp

head = json.load(open("head.json"))
llm = llama_cpp.Llama(${opened}, embedding=True, pooling_type=llama_cpp.LLAMA_POOLING_TYPE_NONE, n_ctx=4096, verbose=False)


def logits(${names.join(', ')}):
    parts = [${parts.join(', ')}]
    tokens = [token for text, is_frame in parts for token in llm.tokenize(text.encode(), add_bos=False, special=is_frame)]
    llm.reset()
    llm.eval(tokens)
    state = llama_cpp.llama_get_embeddings_ith(llm.ctx, -1)
    return [sum(state[i] * weight for i, weight in enumerate(row)) for row in head["rows"]]

${
  isReward
    ? ''
    : `
def softmax(values):
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]

`
}
${verdict}
\`\`\`

The frame's words are read with their special tokens, a user's texts without: a prompt that holds \`<end_of_turn>\` ends no turn. Long texts are
not cut here; the training cut them to ${card.pack.maxTokens ?? 'its number of'} tokens. ${card.style ? "The style terms in arena.json are not in the files: the logits are the judge's margin alone." : ''}
`;
}
