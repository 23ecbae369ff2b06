/** @file The `arena` command and its subcommands. */
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { COMMANDS, commandIn } from './commands.js';
import { addOpposites, expandConfig } from './flags/config-file.js';
import { useProxy } from './hub/proxy.js';
import { ignoreInterrupts } from './interrupt.js';

/** The command line for these arguments. Loads only the commands that they name. */
async function programFor(argv: string[]): Promise<Command> {
  const program = new Command('arena')
    .description('Fine-tune Gemma 2 or 3 on human preference votes: QLoRA in TypeScript.')
    .version((createRequire(import.meta.url)('../package.json') as { version: string }).version)
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .showSuggestionAfterError()
    .exitOverride() // set before the subcommands, which inherit it
    .addHelpText('after', '\nEvery command takes --config FILE: its flags as JSON, such as { "learning-rate": 1e-4 }.');
  for (const { name, description, load } of COMMANDS) {
    const command = program.command(name).description(description);
    if (!argv.includes(name)) continue;
    (await load()).define(command);
    addOpposites(command);
  }
  return program;
}

/**
 * Runs a command line. Failures become one line on stderr and an exit code of 1 (130 when interrupted).
 * @param argv Arguments after the program's name.
 */
export async function main(argv: string[]): Promise<void> {
  try {
    await useProxy();
    const program = await programFor(argv);
    const name = commandIn(argv)?.name;
    const command = program.commands.find((one) => one.name() === name);
    await program.parseAsync(expandConfig(argv, command), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode; // commander has printed the message or the help
      return;
    }
    const { messageOf } = await import('./message.js'); // loaded late: it imports the settings' rules
    const command = argv[0] && !argv[0].startsWith('-') ? ` ${argv[0]}` : '';
    process.stderr.write(`arena${command}: ${messageOf(error)}\n`);
    if (process.env.ARENA_DEBUG) process.stderr.write(`${(error as Error).stack}\n`);
    process.exitCode = (error as Error).name === 'Interrupted' ? 130 : 1;
  } finally {
    ignoreInterrupts();
  }
}
