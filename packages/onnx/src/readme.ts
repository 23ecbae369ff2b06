/** @file The README.md of an exported folder: what the model is, and how to run it in one line. */
import type { ModelCard } from '@arena/judge';
import { frameParts } from '@arena/judge/export';
import type { WeightKind } from './linear.js';

/** What the text says. */
export interface ReadmeInput {
  base: string;
  card: ModelCard;
  weights: readonly WeightKind[];
  suffix: Record<WeightKind, string>;
  /** The forms that have the blocks of a GGUF base as they are. */
  kept: readonly WeightKind[];
  /** What the tokenizer puts before every text by itself, such as `<bos>`. */
  before: string;
}

const FORMS: Record<WeightKind, string> = {
  fp32: 'float32, the adapter merged: the same probabilities as Arena to 1e-5',
  fp16: 'weights in float16, products in float32',
  q8: 'linears and embedding in 8 bits, the adapter beside them in float32',
  q4: 'linears in 4 bits in blocks of 32, fitted by least squares, embedding in 8 bits, the adapter beside them in float32',
  bnb4: "linears in bitsandbytes' NF4, the codes that the adapter was trained on, and the adapter in float32",
};

const KEPT =
  "the blocks of the base's GGUF file, the adapter beside them in float32: the same probabilities as Arena to 1e-4";

/** The text. */
export function onnxReadme({ base, card, weights, suffix, kept, before }: ReadmeInput): string {
  const isReward = card.head === 'reward';
  const template = frameParts(card)
    .map((part, i) => {
      if ('field' in part) return `\${${part.field}}`;
      const own = i === 0 && before && part.text.startsWith(before) ? part.text.slice(before.length) : part.text;
      return literal(own);
    })
    .join('');
  const args = isReward ? 'prompt, answer' : 'prompt, a, b';
  return `# A judge of two answers, as ONNX

${isReward ? 'Scores one answer to a prompt: P(A is preferred) = sigmoid(reward of A - reward of B).' : 'Says which of two answers to a prompt people prefer: labels A, B and, where it has one, tie.'}
It is a Gemma classifier with a LoRA adapter, trained by Arena on ${base}. config.json names the type \`modernbert\`, because transformers.js
has no class for a Gemma classifier and runs any graph with \`input_ids\`, \`attention_mask\` and \`logits\` under that name. Gemma's terms of use apply.

| file | weights |
| --- | --- |
${weights.map((kind) => `| onnx/model${suffix[kind]}.onnx | ${kept.includes(kind) ? KEPT : FORMS[kind]} |`).join('\n')}

${before ? `The tokenizer puts ${before} before the text by itself.\n\n` : ''}\`\`\`js
import { pipeline } from '@huggingface/transformers';

const text = (${args}) => \`${template}\`;
const judge = await pipeline('text-classification', 'this-folder', { dtype: '${weights[0]}' });
await judge(text(${isReward ? "'Why is the sky blue?', 'Rayleigh scattering.'" : "'Why is the sky blue?', 'Rayleigh scattering.', 'Because.'"})${isReward ? '' : ', { top_k: null }'});
\`\`\`

Special tokens in that text are the frame's. A prompt or answer that holds \`<end_of_turn>\` or another of them makes one, too: \`@arena/transformers\` packs
as training did, cuts long texts, and does not let it. It also tokenises the frame and each text by itself: the line above tokenises all at
once, which gives other tokens where a frame's part ends with a space. ${card.style ? "The style terms in arena.json are not in the graph: its logits are the judge's margin alone." : ''}
`;
}

/** A text within a template literal. */
function literal(text: string): string {
  return text.replace(/[\\`]|\$\{/g, (sign) => `\\${sign}`).replace(/\n/g, '\\n');
}
