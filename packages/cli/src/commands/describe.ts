/** @file `arena describe`: what a base contains and how much memory training on it needs. Loads no weights. */
import type { CheckpointPart, ModelDescription } from '@arena/decoder/checkpoint';
import { readConfig } from '@arena/gemma';
import { describeGemma } from '@arena/gemma/checkpoint';
import { DEFAULT_SETTINGS } from '@arena/judge';
import { loraConfig } from '@arena/lora';
import type { Command } from 'commander';
import { byteSize, integer } from '../flags/arguments.js';
import { peekBase } from '../hub/base.js';

interface DescribeFlags {
  base: string;
  maxTokens: number;
  rank: number;
  targets: string;
  layers?: number;
  firstLayer: number;
  quantize: boolean;
  memory?: number;
  json: boolean;
}

export function define(command: Command): void {
  command
    .requiredOption('--base <dir|hub-id>', 'base: a folder, a GGUF file, or a hub id (headers are read from the hub)')
    .option('--max-tokens <n>', 'tokens of the largest batch', integer(1), DEFAULT_SETTINGS.maxTokens)
    .option('--rank <n>', 'LoRA rank', integer(1), DEFAULT_SETTINGS.rank)
    .option('--targets <list>', 'linear modules that get adapters', DEFAULT_SETTINGS.targets.join(','))
    .option('--layers <n>', 'first layers of the base, as many as this, in place of all', integer(1))
    .option('--first-layer <n>', 'layers below have no adapters', integer(0), 0)
    .option('--no-quantize', 'keep the base in float')
    .option(
      '--memory <size>',
      'memory that a step may take, such as 6GB: shows how many layers are recomputed',
      byteSize,
    )
    .option('--json', 'print JSON', false)
    .action((flags: DescribeFlags) => describe(flags));
}

async function describe({
  base,
  maxTokens,
  rank,
  targets,
  firstLayer,
  quantize,
  memory,
  json,
  ...flags
}: DescribeFlags) {
  const location = await peekBase(base);
  const layers = flags.layers ?? (await readConfig(location)).layers.length;
  if (firstLayer >= layers) throw new Error(`--first-layer ${firstLayer}: the base has ${layers} layers`);
  const lora = loraConfig({
    r: rank,
    target_modules: targets.split(',').map((name) => name.trim()),
    layers_to_transform: Array.from({ length: layers - firstLayer }, (_, i) => firstLayer + i),
  });
  const description = await describeGemma(location, {
    lora,
    layers: flags.layers,
    tokens: maxTokens,
    quantize,
    budgetBytes: memory,
  });
  console.log(json ? JSON.stringify(description, null, 2) : describeText(description));
}

const FAMILY: Record<string, string> = { gemma2: 'Gemma 2', gemma3_text: 'Gemma 3' };

/** The description as lines for a terminal. */
function describeText(description: ModelDescription): string {
  const { config, parts, files, unused, linearType, training } = description;
  const rows = (entries: [string, ...string[]][]) => {
    const widths = [1, 2].map((column) => Math.max(...entries.map((entry) => entry[column]?.length ?? 0)));
    return entries.map(
      ([name, a, b]) => `  ${name.padEnd(34)}${a.padStart(widths[0])}${b ? `  ${b.padStart(widths[1])}` : ''}`,
    );
  };
  const part = ({ name, parameters, bytes }: CheckpointPart): [string, string, string] => [
    name,
    count(parameters),
    size(bytes),
  ];
  const { weights, adapters, saved, working, total, activations, tokens, lowestLayer, trainableParameters } = training;
  const { recompute } = activations;
  const recomputed = recompute ? `, ${recompute} recomputed` : '';
  return [
    `${FAMILY[config.modelType] ?? config.modelType}: ${config.layers.length} layers, width ${config.hiddenSize}, vocabulary ${count(config.vocabSize)}, ` +
      `linears as ${linearType}, ${files.length} file${files.length === 1 ? '' : 's'}`,
    ...rows([
      ['', 'parameters', 'in the files'],
      ...parts.filter(({ parameters }) => parameters).map(part),
      ['all', count(description.parameters), size(description.bytes)],
    ]),
    ...unused.map(({ name, bytes }) => `  not used: ${name} (${size(bytes)})`),
    `training with ${tokens} tokens a batch, adapters from layer ${lowestLayer} on, ${count(trainableParameters)} parameters`,
    ...rows([
      ['frozen weights', size(weights)],
      ['adapters and optimizer', size(adapters)],
      [`kept activations${recomputed}`, size(saved)],
      ['one layer at work', size(working)],
      ['all', size(total)],
    ]),
    '  Embeddings stay on disk. Beside this a process on engine wasm takes 0.2 GB (small bases) to 0.8 GB (2B).',
  ].join('\n');
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function size(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
