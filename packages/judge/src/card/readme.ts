/**
 * @file The README.md of a judge: the model card of Hugging Face's hub, with its YAML front matter. It names the base by its id on the hub,
 * never by a path.
 */
import type { Report } from '@arena/eval';
import type { ModelCard } from '../card.js';
import type { HubPlace } from '../hub-place.js';
import type { TrainingSettings } from '../settings.js';
import { figureMetrics, figureTable } from './readme-figures.js';
import { inputSection, usageSection } from './readme-usage.js';
import { type Yaml, yaml } from './yaml.js';

/** What a folder of a judge holds. */
export type JudgeForm = 'adapter' | 'merged' | 'onnx' | 'gguf';

/** What the text says. Without a field it leaves out what the field is about. */
export interface ReadmeInput {
  form: JudgeForm;
  card: ModelCard;
  /** Names of the head's labels. */
  labels: readonly string[];
  /** The judge's own id on the hub. */
  id?: string;
  /** The base on the hub. Default: that of `card`. */
  base?: HubPlace;
  /** What it is of the base, in the hub's words. (`merge` is of several models.) Default: `adapter`, or `finetune`. */
  relation?: 'adapter' | 'finetune' | 'quantized';
  /** Of its training. Data sets on the hub among them (`hubData`) are named; a person's own files are not. */
  settings?: Partial<TrainingSettings>;
  /** The evaluation of its run, metrics.json. */
  report?: Report;
  /** How to use it, in place of the usual text: of a form that has a README of its own. */
  usage?: string;
}

/**
 * The text of README.md.
 * @example
 * const text = judgeReadme({ form: 'adapter', card, labels: ['A', 'B'], id: 'you/judge', base: { id: 'google/gemma-3-270m' } });
 */
export function judgeReadme(input: ReadmeInput): string {
  const { card, labels, id, report, settings, usage } = input;
  const base = input.base ?? card.baseHub;
  const isReward = card.head === 'reward';
  const title = id?.split('/').at(-1) ?? (isReward ? 'A reward model of answers' : 'A judge of two answers');
  const what = isReward
    ? 'Scores one answer to a prompt, as people would: P(A is preferred) = sigmoid(reward of A - reward of B).'
    : `Says which of two answers to a prompt people prefer: labels ${labels.join(', ')}.`;
  const sections = [
    `# ${title}`,
    `${what} ${MADE[input.form]}${base ? ` of [${base.id}](https://huggingface.co/${base.id})` : ''}, trained with Arena on people's votes.${trainedOn(card)}`,
    ...(report ? ['## Figures', figureTable(report)] : []),
    ...(usage === undefined
      ? ['## Input', inputSection(card), '## How to use it', usageSection({ ...input, base })]
      : ['## How to use it', usage]),
    ...(settings ? ['## Training', settingsTable(settings)] : []),
    '## Limits',
    limits(report),
    '## Licence',
    LICENCE,
  ];
  return `---\n${yaml(frontMatter({ ...input, base }, title))}---\n\n${sections.join('\n\n')}\n`;
}

/** The file that the base came in. */
function trainedOn({ baseFile }: ModelCard): string {
  if (!baseFile) return '';
  return ` It was trained on that as a GGUF file of ${baseFile.bytes.toLocaleString('en')} bytes, SHA-256 ${baseFile.sha256}.`;
}

const MADE: Record<JudgeForm, string> = {
  adapter: 'A LoRA adapter with a head',
  merged: 'A sequence classifier with a LoRA adapter folded in, a tuned copy',
  onnx: 'A sequence classifier with a LoRA adapter as an ONNX model, a tuned copy',
  gguf: 'A LoRA adapter or a tuned copy as a GGUF file',
};

/** The text of the file NOTICE, which Gemma's terms ask for beside what is made of Gemma. */
export const GEMMA_NOTICE =
  'Gemma is provided under and subject to the Gemma Terms of Use found at ai.google.dev/gemma/terms\n';

const LICENCE = `Gemma is provided under and subject to the Gemma Terms of Use found at [ai.google.dev/gemma/terms](https://ai.google.dev/gemma/terms).
The weights here were changed by training, as said above. Who passes them on passes on those terms, with their
[restrictions of use](https://ai.google.dev/gemma/prohibited_use_policy) and the file NOTICE.`;

function limits(report: Report | undefined): string {
  const { promptsSeenInTraining: seen } = report?.data ?? {};
  const leak = seen ? ` ${seen} of the battles in the figures have a prompt that it was trained on.` : '';
  return `It has learnt what people voted for, with their leanings: length and format of an answer count. It checks no facts. Probabilities hold for votes like those it
was trained on; on others they have to be measured anew.${leak}`;
}

function frontMatter({ form, card, base, relation, settings, report }: ReadmeInput, title: string): Yaml {
  const datasets = datasetsOf(settings);
  return {
    ...(base
      ? { base_model: base.id, base_model_relation: relation ?? (form === 'adapter' ? 'adapter' : 'finetune') }
      : {}),
    library_name:
      form === 'adapter' ? 'peft' : form === 'onnx' ? 'transformers.js' : form === 'gguf' ? 'gguf' : 'transformers',
    pipeline_tag: 'text-classification',
    license: 'gemma',
    ...(datasets.length ? { datasets: [...new Set(datasets.map(({ id }) => id))] } : {}),
    tags: [
      'arena',
      'gemma',
      card.head === 'reward' ? 'reward-model' : 'llm-judge',
      'human-preferences',
      ...(form === 'adapter' ? ['lora', ...(base ? [`base_model:adapter:${base.id}`] : [])] : []),
      ...(form === 'onnx' ? ['onnx'] : []),
    ],
    ...(report ? { 'model-index': [{ name: title, results: [results(report, datasets)] }] } : {}),
  };
}

function results(report: Report, datasets: readonly HubPlace[]): Yaml {
  const [set] = datasets;
  return {
    task: { type: 'text-classification', name: 'Which of two answers people prefer' },
    dataset: {
      type: datasets.length === 1 ? set.id : 'votes',
      name: `${report.data.n} battles that were kept from training`,
      ...(datasets.length === 1 && set.commit ? { revision: set.commit } : {}),
    },
    metrics: figureMetrics(report),
  };
}

const SHOWN: readonly (keyof TrainingSettings)[] = [
  'loss',
  'classes',
  'ties',
  'maxTokens',
  'frame',
  'rank',
  'alpha',
  'dropout',
  'targets',
  'layers',
  'firstLayer',
  'epochs',
  'maxSteps',
  'batchSize',
  'tokensPerBatch',
  'accumulation',
  'optimizer',
  'learningRate',
  'schedule',
  'warmup',
  'weightDecay',
  'labelSmoothing',
  'swapAugment',
  'style',
  'quantize',
  'seed',
];

/** The data sets on the hub that the run read. */
function datasetsOf({ hubData = [] }: Partial<TrainingSettings> = {}): HubPlace[] {
  return hubData.map((name) => ({
    id: name.split(/[:@]/)[0].split('/').slice(0, 2).join('/'),
    commit: name.split('@')[1],
  }));
}

/** Settings that say nothing of anybody's machine. */
function settingsTable(settings: Partial<TrainingSettings>): string {
  const votes = datasetsOf(settings).map(({ id, commit }) => {
    const link = `[${id}](https://huggingface.co/datasets/${id})`;
    return commit ? `${link} at ${commit.slice(0, 7)}` : link;
  });
  const rows = SHOWN.flatMap((key) => {
    const value = settings[key];
    return value === undefined ? [] : [`| ${key} | ${Array.isArray(value) ? value.join(', ') : String(value)} |`];
  });
  return [
    ...(votes.length ? [`Votes: ${votes.join(', ')}.\n`] : []),
    '| setting | value |',
    '| --- | --- |',
    ...rows,
  ].join('\n');
}
