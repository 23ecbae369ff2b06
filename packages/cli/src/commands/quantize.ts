/** @file `arena quantize`: a float checkpoint as a bitsandbytes 4-bit one that transformers loads. */
import { quantizedCheckpoint } from '@arena/gemma/checkpoint';
import type { QuantType } from '@arena/quant';
import { openEngine } from '@arena/runtime';
import { type Command, Option } from 'commander';
import { writeCheckpointFolder } from '../checkpoint-folder.js';
import { resolveBase } from '../hub/base.js';
import { onInterrupt } from '../interrupt.js';
import { checkNewFolder } from '../output-folder.js';
import { type Progress, progress } from '../progress.js';

interface QuantizeFlags {
  base: string;
  out: string;
  type: QuantType;
  doubleQuant: boolean;
}

export function define(command: Command): void {
  command
    .requiredOption('--base <dir|hub-id>', 'checkpoint: a folder in Hugging Face format, or a hub id')
    .requiredOption('--out <dir>', 'folder to create')
    .addOption(new Option('--type <name>', '4-bit code').choices(['nf4', 'fp4']).default('nf4'))
    .option('--no-double-quant', 'keep the block scales in float32')
    .action((flags: QuantizeFlags) => quantize(flags));
}

const COPIED = /^(tokenizer.*|special_tokens_map\.json|generation_config\.json|arena\.json)$/;

async function quantize({ base: baseOrId, out, type, doubleQuant }: QuantizeFlags): Promise<void> {
  const base = await resolveBase(baseOrId);
  const signal = onInterrupt();
  await checkNewFolder(out);
  const engine = await openEngine('wasm'); // gives the same bits as the host, several times as fast
  try {
    let bar: Progress | undefined;
    const onProgress = (done: number, total: number) => {
      bar ??= progress({ label: 'quantising', total, unit: 'matrices' });
      bar.update(done);
    };
    const view = await quantizedCheckpoint(base, { type, doubleQuant, onProgress, signal });
    bar?.finish();
    await writeCheckpointFolder(out, view, base, COPIED);
  } finally {
    engine.dispose();
  }
  console.log(`written to ${out}`);
}
