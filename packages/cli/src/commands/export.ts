/** @file `arena export`: a run in the formats of other tools: a checkpoint for the Hugging Face Trainer, a judge as ONNX or GGUF. */
import { join } from 'node:path';
import { diskStore, writeFolder } from '@arena/files';
import { replaceFolder } from '@arena/files/write';
import type { TrainingSettings } from '@arena/judge';
import { GGUF_FORMS, type GgufForm, writeGgufFolder } from '@arena/judge/export';
import { openBase } from '@arena/judge/run';
import { WEIGHT_KINDS, type WeightKind, writeOnnxFolder } from '@arena/onnx';
import { loadCheckpoint } from '@arena/trainer';
import { hfCheckpointFiles } from '@arena/trainer/checkpoint';
import { scheduleFactor, warmupSteps } from '@arena/trainer/optimizer';
import { type Command, InvalidArgumentError } from 'commander';
import { writeTokenizer } from '../checkpoint-folder.js';
import { checkNewFolder } from '../output-folder.js';
import { readTrained } from '../trained-model.js';

interface ExportFlags {
  checkpoint?: string;
  onnx?: WeightKind[];
  gguf?: GgufForm[];
  base?: string;
  adapter?: string;
  out: string;
}

export function define(command: Command): void {
  command
    .option(
      '--checkpoint <dir>',
      'for transformers: a checkpoint-N folder of arena train, which its Trainer then resumes',
    )
    .option(
      '--onnx <weights>',
      `for onnxruntime and transformers.js: a judge with weights in ${WEIGHT_KINDS.join(', ')}, or several with commas`,
      listOf(WEIGHT_KINDS),
    )
    .option(
      '--gguf <forms>',
      `for llama.cpp, without the head: the adapter (lora, lora-f16), or the base with it merged (${GGUF_FORMS.slice(2).join(', ')}); several with commas`,
      listOf(GGUF_FORMS),
    )
    .option('--base <dir|hub-id>', 'with --onnx and --gguf: the base')
    .option(
      '--adapter <dir>',
      "with --onnx and --gguf: the adapter's folder, or its run's; none for a base that arena merge wrote",
    )
    .requiredOption('--out <dir>', 'folder to create, such as hf/checkpoint-N')
    .action((flags: ExportFlags) => exportRun(flags));
}

async function exportRun({ checkpoint, onnx, gguf, base, adapter, out }: ExportFlags): Promise<void> {
  if ([checkpoint, onnx, gguf].filter((one) => one !== undefined).length !== 1) {
    throw new Error('give one of --checkpoint, --onnx and --gguf');
  }
  if (checkpoint !== undefined && (base ?? adapter) !== undefined) {
    throw new Error('--base and --adapter belong to --onnx and --gguf: a checkpoint names its own');
  }
  await checkNewFolder(out);
  if (checkpoint !== undefined) return exportCheckpoint(checkpoint, out);
  if (base === undefined) throw new Error(`${onnx ? '--onnx' : '--gguf'} needs --base`);
  if (onnx) await exportOnnx(base, adapter, onnx, out);
  else await exportGguf(base, adapter, gguf!, out);
}

async function exportCheckpoint(folder: string, out: string): Promise<void> {
  const { settings, step, totalSteps } = await loadCheckpoint(folder);
  const { learningRate, weightDecay, schedule, warmup } = (settings ?? {}) as Partial<TrainingSettings>;
  if (learningRate === undefined || weightDecay === undefined || schedule === undefined || warmup === undefined) {
    throw new Error(`${folder}: arena_state.json does not say the settings of the run; arena train writes them`);
  }
  const nextRate = learningRate * scheduleFactor(schedule, step, warmupSteps(warmup, totalSteps), totalSteps);
  const adamW = { learningRate, weightDecay, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
  await writeFolder(out, await hfCheckpointFiles(folder, adamW, nextRate));
  console.log(
    `${out}: step ${step} of ${totalSteps}, for Trainer.train(resume_from_checkpoint=${JSON.stringify(out)})`,
  );
}

async function exportOnnx(
  baseOrId: string,
  adapter: string | undefined,
  weights: WeightKind[],
  out: string,
): Promise<void> {
  const files = await readTrained(baseOrId, adapter);
  const base = await openBase(files.base);
  const fill = async (temporary: string) => {
    const folder = diskStore(temporary);
    const onFile = (name: string) => console.log(`${name} written`);
    await writeOnnxFolder(base, files, { folder, onnx: diskStore(join(temporary, 'onnx')), weights, onFile });
    await writeTokenizer(folder, files.base);
  };
  await replaceFolder(out, fill, { isNew: true });
  console.log(
    `${out}: for onnxruntime, and for pipeline('text-classification') of transformers.js; its README.md says how`,
  );
}

async function exportGguf(
  baseOrId: string,
  adapter: string | undefined,
  forms: GgufForm[],
  out: string,
): Promise<void> {
  const files = await readTrained(baseOrId, adapter);
  const base = await openBase(files.base);
  const onFile = (name: string) => console.log(`${name} written`);
  await replaceFolder(out, (folder) => writeGgufFolder(base, files, { folder: diskStore(folder), forms, onFile }), {
    isNew: true,
  });
  console.log(
    `${out}: for llama.cpp, which has no head for Gemma: it is in head.json, and README.md says how to use it`,
  );
}

/** "q4,fp32" as a list. */
function listOf<T extends string>(known: readonly T[]): (text: string) => T[] {
  return (text) => {
    const kinds = text.split(',').map((kind) => kind.trim());
    const odd = kinds.find((kind) => !(known as readonly string[]).includes(kind));
    if (odd !== undefined) throw new InvalidArgumentError(`'${odd}' is none of ${known.join(', ')}.`);
    return [...new Set(kinds)] as T[];
  };
}
