/** @file `arena export`: writes a checkpoint that the Hugging Face Trainer can resume from. */
import { writeFolder } from '@arena/files';
import type { TrainingSettings } from '@arena/judge';
import { loadCheckpoint } from '@arena/trainer';
import { hfCheckpointFiles } from '@arena/trainer/checkpoint';
import { scheduleFactor, warmupSteps } from '@arena/trainer/optimizer';
import type { Command } from 'commander';
import { checkNewFolder } from '../output-folder.js';

interface ExportFlags {
  checkpoint: string;
  out: string;
}

export function define(command: Command): void {
  command
    .requiredOption('--checkpoint <dir>', 'a checkpoint-N folder of arena train')
    .requiredOption('--out <dir>', 'folder to create, such as hf/checkpoint-N')
    .action((flags: ExportFlags) => exportCheckpoint(flags));
}

async function exportCheckpoint({ checkpoint: folder, out }: ExportFlags): Promise<void> {
  await checkNewFolder(out);
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
