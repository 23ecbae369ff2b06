/** @file What a folder of a judge is, by its files, and which of them belong to that (Node). */
import { nodeFs } from '@arena/files/source';
import type { JudgeForm, ReadmeInput } from '../card/readme.js';
import type { ModelCard } from '../card.js';
import { readCard } from '../card.js';
import { JudgeError } from '../error.js';
import { labelNames } from '../objectives/objective.js';
import { readJudge } from '../open.js';

/** A folder to push. */
export interface PushedFolder {
  folder: string;
  form: JudgeForm;
  /** Its arena.json, if it has one. */
  card?: ModelCard;
  labels?: string[];
  relation?: ReadmeInput['relation'];
  /** How to use it, from a README of its own. */
  usage?: string;
  /** Files that belong to its form, with `/` in their names; without README.md and NOTICE, which are made. */
  names: string[];
  leftOut: string[];
  /** The run that it is in. */
  run?: string;
}

const TOKENIZER = [
  'tokenizer\\.json',
  'tokenizer_config\\.json',
  'tokenizer\\.model',
  'special_tokens_map\\.json',
  'added_tokens\\.json',
];

/** The only files that are sent, by form. */
const FILES: Record<JudgeForm, RegExp> = {
  adapter: only('adapter_config\\.json', 'adapter_model\\.safetensors', 'arena\\.json', ...TOKENIZER),
  merged: only(
    'config\\.json',
    'generation_config\\.json',
    'model(-\\d+-of-\\d+)?\\.safetensors',
    'model\\.safetensors\\.index\\.json',
    'arena\\.json',
    'chat_template\\.jinja',
    ...TOKENIZER,
  ),
  onnx: only('config\\.json', 'arena\\.json', 'onnx/[\\w.-]+\\.onnx(_data(_\\d+)?)?', ...TOKENIZER),
  gguf: only('[\\w.-]+\\.gguf', 'head\\.json', 'arena\\.json'),
};

function only(...names: string[]): RegExp {
  return new RegExp(`^(${names.join('|')})$`);
}

/**
 * Says what a folder is.
 * @throws JudgeError when it is none of what is pushed, or lacks a file that its form needs.
 */
export async function readFolder(path: string): Promise<PushedFolder> {
  const given = path.replace(/(?<=.)[\\/]+$/, '');
  const all = await namesIn(given);
  const isRun = all.includes('adapter/adapter_config.json');
  const folder = isRun ? `${given}/adapter` : given;
  const names = isRun ? await namesIn(folder) : all;
  const form = formOf(names, all, given);
  const run = isRun ? given : form === 'adapter' ? await runAround(given) : undefined;
  const sent = names.filter((name) => FILES[form].test(name)).sort();
  const leftOut = names.filter((name) => !sent.includes(name) && name !== 'README.md' && name !== 'NOTICE').sort();
  const found: PushedFolder = { folder, form, names: sent, leftOut, run };
  if (form === 'adapter') {
    const { card, objective } = await readJudge(folder);
    return { ...found, card, labels: labelNames(objective) };
  }
  const card = names.includes('arena.json') ? await readCard(folder) : undefined;
  const isOf = (pattern: RegExp) => sent.some((name) => pattern.test(name));
  if (form === 'gguf') {
    const models = isOf(/^(?!adapter).*\.gguf$/);
    const relation = !models ? 'adapter' : isOf(/[-._]i?q\d\w*\.gguf$/i) ? 'quantized' : 'finetune';
    return { ...found, form, card, relation, usage: await ownUsage(folder, names) };
  }
  const labels = await labelsIn(folder);
  if (form === 'merged') return { ...found, card, labels };
  const relation = isOf(/_(quantized|q4|bnb4)\w*\.onnx$/) ? 'quantized' : 'finetune';
  return { ...found, card, labels, relation, usage: await ownUsage(folder, names) };
}

function formOf(names: string[], all: string[], path: string): JudgeForm {
  if (all.includes('arena_state.json') || all.includes('trainer_state.json') || all.includes('optimizer.safetensors')) {
    throw new JudgeError('card', `${path}: is a checkpoint of a run; push the run, whose adapter is the result`);
  }
  if (names.includes('adapter_config.json')) return 'adapter';
  if (names.some((name) => /^onnx\/.*\.onnx$/.test(name))) return 'onnx';
  if (names.some((name) => /^[^/]+\.gguf$/.test(name))) return 'gguf';
  if (names.includes('config.json') && names.includes('arena.json')) return 'merged';
  const what = names.includes('config.json') ? 'a checkpoint without arena.json' : `${names.length} files`;
  throw new JudgeError(
    'card',
    `${path}: holds ${what}; a run or adapter of arena train, or a folder of arena merge or arena export, is expected`,
  );
}

/** All files of a folder and of its folder `onnx` or `adapter`. @throws JudgeError when there is no folder. */
async function namesIn(folder: string): Promise<string[]> {
  const list = (path: string) => nodeFs().readdir(path, { withFileTypes: true });
  const entries = await list(folder).catch((error: NodeJS.ErrnoException) => {
    throw new JudgeError('card', `${folder}: cannot be read as a folder (${error.code})`);
  });
  const names: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) names.push(entry.name);
    else if (['onnx', 'adapter'].includes(entry.name)) {
      for (const { name } of await list(`${folder}/${entry.name}`)) names.push(`${entry.name}/${name}`);
    } else names.push(`${entry.name}/`);
  }
  return names;
}

/** The run that has an adapter as its own. */
async function runAround(adapter: string): Promise<string | undefined> {
  const { dirname, basename, resolve } = process.getBuiltinModule('node:path');
  const whole = resolve(adapter);
  if (basename(whole) !== 'adapter') return undefined;
  const run = dirname(whole);
  return (await nodeFs()
    .stat(`${run}/run.json`)
    .catch(() => undefined))
    ? run
    : undefined;
}

async function labelsIn(folder: string): Promise<string[] | undefined> {
  const config = JSON.parse(await nodeFs().readFile(`${folder}/config.json`, 'utf8')) as {
    id2label?: Record<string, string>;
  };
  return config.id2label && Object.values(config.id2label);
}

/** The text of a README below its title and front matter. */
async function ownUsage(folder: string, names: string[]): Promise<string | undefined> {
  if (!names.includes('README.md')) return undefined;
  const text = await nodeFs().readFile(`${folder}/README.md`, 'utf8');
  return text
    .replace(/^---\n.*?\n---\n/s, '')
    .replace(/^\s*# .*\n/, '')
    .trim();
}
