/** @file How a judge is used, in a README.md: the text that it reads, and code for Node, a page and Python. */
import type { ModelCard } from '../card.js';
import { frameParts } from '../export-names.js';
import type { ReadmeInput } from './readme.js';

/** The text that the judge reads, for people. */
export function inputSection(card: ModelCard): string {
  const text = frameParts(card)
    .map((part) => ('text' in part ? part.text : `{${part.field}}`))
    .join('');
  const { maxTokens } = card.pack;
  return `At most ${maxTokens} tokens of this text, special tokens as such; \`arena.json\` has its parts. Each part and each field is tokenised by itself, so that no token
lies across a seam. Arena cuts the middle of longer fields (\`[...]\`), and reads special tokens within a field as plain text.

\`\`\`text
${text}
\`\`\``;
}

/** Code for Node, a page and Python. */
export function usageSection(input: ReadmeInput): string {
  const { form, card } = input;
  const id = input.id ?? 'this-folder';
  const base = input.base?.id ?? 'the-base';
  const isMerged = form === 'merged';
  const parts = isMerged
    ? `const files = await at('${id}');
const card = await mergedCard(files);
const judge = await openJudge(await openBase(files), { card, objective: objectiveOfCard(card, ${input.labels.length}, '${id}') });`
    : `const judge = await openJudge(await openBase(await at('${base}'), '${base}'), await readJudge(await at('${id}')));`;
  const imports = [
    ['hubFolder', 'files'],
    ['hubModel', 'files/hub'],
    ['openJudge', 'judge'],
    ...(isMerged
      ? [
          ['mergedCard, objectiveOfCard', 'judge/card'],
          ['openBase', 'judge/run'],
        ]
      : [['openBase, readJudge', 'judge/run']]),
    ['openEngine', 'runtime'],
  ].map(([names, from]) => `import { ${names} } from '@arena/${from}';`);
  return `In Node, after \`npm install @arena/judge @arena/files @arena/runtime @tensorflow/tfjs-core\`:

\`\`\`js
${imports.join('\n')}

const at = async (id) => hubFolder(await hubModel(id, { token: process.env.HF_TOKEN }));
await openEngine('auto');
${parts}
const { probabilityA } = await judge.predict({ prompt: 'Why?', responseA: 'Because.', responseB: 'No idea.' });
\`\`\`

In a page the same code runs in a Worker, with a token of the person's own in place of \`process.env\`; \`opfsHubCache()\` of \`@arena/files/hub\` keeps the files.
${base === 'the-base' && !isMerged ? '\n`the-base` is the checkpoint that it was trained on.\n' : ''}
In Python:

\`\`\`python
${python(card, form, id, base, input.labels.length)}
\`\`\`${card.style ? "\n\nThe style terms in arena.json are Arena's own: Python gives the judge's margin alone." : ''}${
    isMerged || card.quantization === null ? '' : `\n\n${QUANTIZED}`
  }`;
}

const QUANTIZED =
  'Arena computes with the base in 4 bits or in the blocks of its file, as in training, the code above with floats: the probabilities differ a little.';

function python(card: ModelCard, form: ReadmeInput['form'], id: string, base: string, labels: number): string {
  const isMerged = form === 'merged';
  const isReward = card.head === 'reward';
  const isCut = card.layers !== undefined && !isMerged; // a merged folder holds those layers alone
  const args = isReward ? 'prompt, answer' : 'prompt, a, b';
  const parts = frameParts(card).map((part) => ('text' in part ? JSON.stringify(part.text) : part.field));
  const from = isMerged ? id : base;
  const ask = isReward
    ? `a, b = logits("Why?", "Because.")[0], logits("Why?", "No idea.")[0]
print(torch.sigmoid(a - b))  # P(A is preferred)`
    : `print(logits("Why?", "Because.", "No idea.").softmax(-1))  # A, B${labels === 3 ? ', tie' : ''}`;
  return `import torch
${isMerged ? '' : 'from peft import PeftModel\n'}from transformers import ${isCut ? 'AutoConfig, ' : ''}AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("${from}")
${isCut ? `${cutConfig(from, labels, card.layers!)}\n` : ''}model = AutoModelForSequenceClassification.from_pretrained("${from}", ${isCut ? 'config=config' : `num_labels=${labels}`}, attn_implementation="eager")
${isMerged ? 'model.eval()' : `model = PeftModel.from_pretrained(model, "${id}").eval()`}

def logits(${args}):
    parts = [${parts.join(', ')}]
    ids = [token for part in parts for token in tokenizer(part, add_special_tokens=False).input_ids]
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0]

${ask}`;
}

/** The base's configuration with its first layers alone. */
function cutConfig(from: string, labels: number, layers: number): string {
  return `config = AutoConfig.from_pretrained("${from}", num_labels=${labels})
config.num_hidden_layers = ${layers}
config.layer_types = config.layer_types[:${layers}]`;
}
