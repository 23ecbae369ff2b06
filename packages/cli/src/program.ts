/** @file The `arena` command and its subcommands. */
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { addCompare } from './commands/compare.js';
import { addDashboard } from './commands/dashboard.js';
import { addDescribe } from './commands/describe.js';
import { addDoctor } from './commands/doctor.js';
import { addEvaluate } from './commands/evaluate.js';
import { addExport } from './commands/export.js';
import { addMerge } from './commands/merge.js';
import { addPredict } from './commands/predict.js';
import { addPrepare } from './commands/prepare.js';
import { addQuantize } from './commands/quantize.js';
import { addQuickstart } from './commands/quickstart.js';
import { addReport } from './commands/report.js';
import { addServe } from './commands/serve.js';
import { addSweep } from './commands/sweep.js';
import { addTrain } from './commands/train.js';
import { expandConfig } from './config-file.js';
import { provideEngines } from './engine-option.js';
import { ignoreInterrupts } from './interrupt.js';
import { messageOf } from './message.js';

/** The command line, ready to parse. */
export function createProgram(): Command {
  const program = new Command('arena')
    .description('Fine-tune Gemma 2 on human preference votes: QLoRA in TypeScript.')
    .version((createRequire(import.meta.url)('../package.json') as { version: string }).version)
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .exitOverride() // before the subcommands, which take it over
    .addHelpText('after', '\nEvery command takes --config FILE: its flags as JSON, such as { "learning-rate": 1e-4 }.');
  for (const add of [
    addDoctor,
    addDescribe,
    addPrepare,
    addQuantize,
    addTrain,
    addSweep,
    addEvaluate,
    addCompare,
    addReport,
    addPredict,
    addServe,
    addMerge,
    addExport,
    addDashboard,
    addQuickstart,
  ])
    add(program);
  return program;
}

/**
 * Runs a command line. Failures become one line on stderr and an exit code of 1 (130 when interrupted).
 * @param argv Arguments after the program's name.
 */
export async function main(argv: string[]): Promise<void> {
  provideEngines();
  const program = createProgram();
  try {
    await program.parseAsync(expandConfig(argv), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode; // it has printed its message, or the help that was asked for
      return;
    }
    const command = argv[0] && !argv[0].startsWith('-') ? ` ${argv[0]}` : '';
    process.stderr.write(`arena${command}: ${messageOf(error)}\n`);
    if (process.env.ARENA_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
    process.exitCode = (error as Error).name === 'Interrupted' ? 130 : 1;
  } finally {
    ignoreInterrupts();
  }
}
