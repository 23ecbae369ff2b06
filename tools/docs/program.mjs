/** @file The commands of `arena` as commander knows them, read from the built @arena/cli: their flags, and a check of command lines. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const CLI = join(import.meta.dirname, '../../packages/cli');
const fromCli = createRequire(join(CLI, 'package.json'));
const load = (path) => import(pathToFileURL(path).href);

const { Command } = await load(fromCli.resolve('commander'));
const { COMMANDS } = await load(join(CLI, 'dist/commands.js'));
const { addOpposites, expandConfig } = await load(join(CLI, 'dist/flags/config-file.js'));

/** Complaints of commander that a line with `--config` or a variable may leave to them. */
const MISSING = ['commander.missingMandatoryOptionValue', 'commander.missingArgument'];

/** Every command in the order of the help, with its flags defined. */
export async function commands() {
  const program = new Command('arena').exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
  return Promise.all(
    COMMANDS.map(async ({ name, description, load: module }) => {
      const command = program.command(name).description(description);
      (await module()).define(command);
      return command;
    }),
  );
}

/**
 * What `arena` says of a command line, in one line; undefined when it takes it.
 * @param words What follows `arena`.
 * @param config The path of a `--config` file, by the name on the line; undefined where it does not exist.
 */
export async function complaintOf(words, config = () => undefined) {
  if (!words.length || ['--help', '-h', '--version', '-V', 'help'].includes(words[0])) return undefined;
  const command = (await commands()).find((one) => one.name() === words[0]);
  if (!command) return `there is no command '${words[0]}'`;
  addOpposites(command);
  command.action(() => {});
  if (words.includes('--help')) return undefined;
  let isPartial = words.some((word) => /^\$/.test(word));
  let argv = words.filter((word) => !/^\$/.test(word));
  const at = argv.indexOf('--config');
  try {
    if (at >= 0) {
      const file = config(argv[at + 1]);
      argv = file ? expandConfig(argv.with(at + 1, file), command) : argv.toSpliced(at, 2);
      isPartial = true;
    }
    await command.parseAsync(argv.slice(1), { from: 'user' });
  } catch (error) {
    if (isPartial && MISSING.includes(error.code)) return undefined;
    return error.message.replace(/^error: /, '');
  }
  return undefined;
}
