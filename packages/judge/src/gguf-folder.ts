/** @file A judge as a folder for llama.cpp: the adapter and the merged base as GGUF files, the head beside them. */
import { readFileAt } from '@arena/files';
import { readTextAt, textBytes } from '@arena/files/text';
import type { FileTarget } from '@arena/files/write';
import { openGgufBase } from '@arena/gemma/checkpoint';
import {
  loraGguf,
  type MetadataPairs,
  modelGguf,
  tokenizerPairs,
  type WrittenType,
  writeGguf,
} from '@arena/gguf/write';
import { sentencePieceVocabulary } from '@arena/tokenizer';
import type { Base } from './base.js';
import { formatCard } from './card.js';
import { JudgeError } from './error.js';
import { baseId } from './export-names.js';
import { ggufReadme } from './gguf-readme.js';
import { type JudgeSource, judgeSource } from './judge-source.js';
import { labelNames } from './objectives/objective.js';
import type { JudgeFiles } from './open.js';

/** Files that can be written: the adapter for a base that llama.cpp has, or the base with the adapter merged. */
export const GGUF_FORMS = ['lora', 'lora-f16', 'f32', 'f16', 'bf16', 'q8_0'] as const;

/** One of {@link GGUF_FORMS}. */
export type GgufForm = (typeof GGUF_FORMS)[number];

/** Name of the file in each form. */
const FILES: Readonly<Record<GgufForm, string>> = {
  lora: 'adapter-f32.gguf',
  'lora-f16': 'adapter-f16.gguf',
  f32: 'model-f32.gguf',
  f16: 'model-f16.gguf',
  bf16: 'model-bf16.gguf',
  q8_0: 'model-q8_0.gguf',
};

/** Where the files go, and which. */
export interface GgufFolderOptions {
  folder: FileTarget;
  forms: readonly GgufForm[];
  /** Told the name of each GGUF file that is written. */
  onFile?: (name: string) => void;
}

/** Keys of a base's file that do not hold for what is made of it. */
const OF_THE_FILE =
  /^(split\.|quantize\.|general\.(alignment|file_type|quantization_version|name|description)$|\w+\.attention\.sliding_window_pattern$)/;
/** Largest tokenizer.json to read. Gemma 3's has 33 MB. */
const MAX_TOKENIZER_BYTES = 500e6;
/** Longest text where a config.json does not say. */
const CONTEXT: Readonly<Record<string, number>> = { gemma2: 8192, gemma3_text: 32768 };

/**
 * Writes a judge for llama.cpp: `adapter-*.gguf` and `model-*.gguf`, and beside them head.json, arena.json and README.md. llama.cpp
 * has no classifier head for Gemma: the files hold everything below it, and head.json the rows that multiply llama.cpp's embedding of
 * the last token. Memory holds one matrix.
 * @throws GgufError for what llama.cpp cannot do; TokenizerError for a tokenizer that it cannot have; JudgeError for an unknown form, a
 * base without a head and no adapter with one, another base than the adapter's; LoraError for an adapter that does not fit.
 * @example
 * const base = await openBase('gemma-3-270m.gguf');
 * await writeGgufFolder(base, await readJudge('run/adapter'), { folder: diskStore('out'), forms: ['lora', 'q8_0'] });
 */
export async function writeGgufFolder(
  base: Base,
  files: JudgeFiles,
  { folder, forms, onFile }: GgufFolderOptions,
): Promise<void> {
  const unknown = forms.find((form) => !GGUF_FORMS.includes(form));
  if (unknown !== undefined || !forms.length) {
    throw new JudgeError('settings', `forms ${JSON.stringify(unknown ?? forms)}: ${GGUF_FORMS.join(', ')} are known`);
  }
  const { card, objective } = files;
  const ofBase = baseId(card.baseHub?.id ?? card.base ?? base.name);
  const labels = labelNames(objective);
  const source = await judgeSource(base, files);
  try {
    if (!files.adapter && forms.some(isLora)) {
      const why = 'an adapter was merged into it, and no longer stands apart: take f16 or q8_0';
      throw new JudgeError('settings', `${base.name}: ${why}`);
    }
    if (card.layers !== undefined && forms.some(isLora)) {
      const why = `the judge has the lowest ${card.layers} of its layers, and llama.cpp runs a base whole: take f16 or q8_0`;
      throw new JudgeError('settings', `${base.name}: ${why}`);
    }
    const name = `${ofBase} judge`;
    const description = `A judge of answers by Arena on ${ofBase}, without its head (${labels.join(', ')}): see head.json`;
    const tokenizer = forms.every(isLora) ? undefined : await tokenizerOf(base);
    for (const form of forms) {
      const content = isLora(form)
        ? loraOf(source, { type: form === 'lora' ? 'F32' : 'F16', name, description })
        : modelGguf({
            shape: source.config,
            weights: { tensors: source.tensors, readFloat32: source.merged },
            type: form.toUpperCase() as WrittenType,
            ...tokenizer!,
            name,
            description,
          });
      await folder.write(FILES[form], (write) => writeGguf(write, content, FILES[form]));
      onFile?.(FILES[form]);
    }
    await folder.write('head.json', headJson(labels, source.score));
    await folder.write('arena.json', formatCard({ ...card, base: ofBase }));
    const written = forms.map((form) => [form, FILES[form]] as const);
    await folder.write('README.md', ggufReadme({ base: ofBase, card, labels, files: written }));
  } finally {
    await source.close();
  }
}

function isLora(form: GgufForm): form is 'lora' | 'lora-f16' {
  return form.startsWith('lora');
}

function loraOf(source: JudgeSource, options: { type: 'F32' | 'F16'; name: string; description: string }) {
  const matrices = source.changed.map((path) => ({ path, ...source.lowRank(path)! }));
  return loraGguf({ shape: source.config, matrices, ...options });
}

/** The rows of the head by label, each of the model's width. */
function headJson(labels: readonly string[], score: Float32Array): string {
  const width = score.length / labels.length;
  const rows = labels.map((_, i) => Array.from(score.subarray(i * width, (i + 1) * width)));
  return `${JSON.stringify({ labels, rows })}\n`;
}

/** What a base says of its texts: the pairs of its GGUF file as they are, or those of its tokenizer.json. */
async function tokenizerOf(base: Base): Promise<{ metadata: MetadataPairs; contextLength: number }> {
  const { location, name, config } = base;
  const usual = CONTEXT[config.modelType] ?? 8192;
  const file = await openGgufBase(location);
  if (file) {
    try {
      const keys = [...file.metadata.keys()].filter((key) => !OF_THE_FILE.test(key));
      const pairs = await Promise.all(keys.map(async (key) => [key, await file.readStoredValue(key)] as const));
      const context = file.metadata.get(`${file.metadata.get('general.architecture')}.context_length`);
      return { metadata: new Map(pairs), contextLength: typeof context === 'number' ? context : usual };
    } finally {
      await file.close();
    }
  }
  const bytes = await readFileAt(location, 'tokenizer.json', { maxBytes: MAX_TOKENIZER_BYTES });
  if (!bytes)
    throw new JudgeError('base', `${name}/tokenizer.json: cannot be read (ENOENT); llama.cpp needs the tokenizer`);
  const json = textBytes(bytes, `${name}/tokenizer.json`, (reason) => new JudgeError('base', reason));
  const vocabulary = sentencePieceVocabulary(json);
  const own = JSON.parse((await readTextAt(location, 'config.json')) ?? '{}') as Record<string, unknown>;
  const of = JSON.parse((await readTextAt(location, 'tokenizer_config.json')) ?? '{}') as Record<string, unknown>;
  const template = (await readTextAt(location, 'chat_template.jinja')) ?? of.chat_template;
  const content = { ...vocabulary, chatTemplate: typeof template === 'string' ? template : undefined };
  const context = own.max_position_embeddings;
  return {
    metadata: new Map(tokenizerPairs(content, config.vocabSize, name)),
    contextLength: typeof context === 'number' ? context : usual,
  };
}
