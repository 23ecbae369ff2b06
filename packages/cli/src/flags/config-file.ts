/** @file `--config FILE`: flags of a command from a JSON file. The command line takes precedence. */
import { type Command, Option } from 'commander';
import { isObject, readJsonSync } from '../json-file.js';

/**
 * Puts the flags of a `--config` file before those of the command line, so that the command line wins. Keys are flag
 * names without dashes (`"learning-rate": 1e-4`), lists repeat a value, true and false set a switch, null is nothing.
 * @param argv Arguments after the program's name: the command first.
 * @param command The command that they name; undefined leaves them as they are.
 * @throws Error when the file cannot be read, is no JSON object, or has a key or value that is no flag's.
 */
export function expandConfig(argv: string[], command: Command | undefined): string[] {
  const at = argv.findIndex((word) => word === '--config' || word.startsWith('--config='));
  if (at < 0 || !command) return argv;
  const inline = argv[at].startsWith('--config=');
  const path = inline ? argv[at].slice('--config='.length) : argv[at + 1];
  if (!path) throw new Error('--config needs the name of a file');
  const rest = argv.toSpliced(at, inline ? 1 : 2);
  const given = new Set(rest.filter((word) => word.startsWith('--')).map((word) => word.replace(/=.*/s, '')));
  const config = readJsonSync(path, { advice: 'it is given as --config' });
  if (!isObject(config)) {
    throw new Error(`${path}: a JSON object of flag names is expected, such as { "learning-rate": 1e-4 }`);
  }
  const place = rest.indexOf(command.name()) + 1;
  return rest.toSpliced(place, 0, ...configWords(path, config, command, given));
}

/**
 * Turns a configuration into command-line words, without the flags that are given already.
 * @throws Error naming the file and the key.
 */
export function configWords(
  path: string,
  config: Record<string, unknown>,
  command: Command,
  given = new Set<string>(),
): string[] {
  return Object.entries(config).flatMap(([key, value]) => {
    const flag = `--${key}`;
    const known = findOption(command, flag);
    if (!known) throw new Error(`${path}: '${key}' is no flag of arena ${command.name()}${similar(key, command)}`);
    if (value === null || given.has(flag) || given.has(opposite(flag))) return [];
    return flagWords(path, key, value, known, command);
  });
}

/** Adds the other form of each switch: `--no-x` beside `--x`, so that a command line can undo what a file says. */
export function addOpposites(command: Command): void {
  for (const option of command.options) {
    const other = opposite(option.long!);
    if (isSwitch(option) && !findOption(command, other)) command.addOption(new Option(other).hideHelp());
  }
}

function isSwitch(option: Option): boolean {
  return option.isBoolean() || option.negate;
}

function opposite(flag: string): string {
  return flag.startsWith('--no-') ? `--${flag.slice(5)}` : `--no-${flag.slice(2)}`;
}

function findOption(command: Command, flag: string): Option | undefined {
  return command.options.find(({ long }) => long === flag);
}

function flagWords(path: string, key: string, value: unknown, option: Option, command: Command): string[] {
  const fail = (what: string) => new Error(`${path}: '${key}' is ${shown(value)}; ${what} is expected`);
  const flag = `--${key}`;
  if (typeof value === 'boolean') {
    const off = findOption(command, opposite(flag));
    if (isSwitch(option) || (value && option.optional)) return value ? [flag] : off ? [opposite(flag)] : [];
    if (!value && off) return [opposite(flag)];
    throw fail('a value');
  }
  if (isSwitch(option)) throw fail('true or false');
  const items = Array.isArray(value) ? value : [value];
  const isPlain = (item: unknown) => typeof item === 'string' || typeof item === 'number';
  if (!items.length || !items.every(isPlain)) throw fail('a string, number, true, false or a list of them');
  const texts = items.map(String);
  const values = option.variadic ? texts : isList(option) ? [texts.join(',')] : texts;
  if (values.length > 1 && !option.variadic) throw fail('one value');
  for (const text of values) checkValue(text, option, fail);
  return values.map((text) => `${flag}=${text}`); // as one word each: nothing that follows is taken for a value
}

/** Whether a flag takes several values in one word, with commas. */
function isList({ flags }: Option): boolean {
  return flags.includes('<list>');
}

function checkValue(text: string, option: Option, fail: (what: string) => Error): void {
  try {
    option.parseArg?.(text, undefined as never);
  } catch (error) {
    throw fail((error as Error).message.replace(/\.$/, '').replace(/ (is|are) expected$/, ''));
  }
}

/** A value in a message: short, on one line. */
function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

/** The flag that was probably meant. */
function similar(key: string, command: Command): string {
  const plain = (name: string) =>
    name
      .replace(/^(--)?(no-)?/, '')
      .replace(/[-_]/g, '')
      .toLowerCase();
  const names = command.options.filter(({ hidden }) => !hidden).map(({ long }) => long!.slice(2));
  const [nearest] = names.toSorted((a, b) => distance(plain(a), plain(key)) - distance(plain(b), plain(key)));
  if (nearest && distance(plain(nearest), plain(key)) <= 2) return `; ${nearest} is one`;
  return `; keys are its flags without dashes, see arena ${command.name()} --help`;
}

/** Letters to add, remove or replace between two words (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
