/** @file `--config FILE`: flags of a command from a JSON file. The command line takes precedence. */
import { readFileSync } from 'node:fs';
import { fileText } from '@arena/files/text';

/**
 * Puts the flags of a `--config` file before those of the command line, so that the command line wins. Keys are flag
 * names without dashes (`"learning-rate": 1e-4`), lists repeat a value, true sets a switch. Unknown keys are refused
 * later, like unknown flags.
 * @param argv Arguments after the program's name: the command first.
 * @throws Error when the file cannot be read or is no JSON object of such values.
 */
export function expandConfig(argv: string[]): string[] {
  const at = argv.findIndex((word) => word === '--config' || word.startsWith('--config='));
  if (at < 0) return argv;
  const inline = argv[at].startsWith('--config=');
  const path = inline ? argv[at].slice('--config='.length) : argv[at + 1];
  if (!path) throw new Error('--config needs the name of a file');
  const rest = argv.toSpliced(at, inline ? 1 : 2);
  const given = new Set(rest.filter((word) => word.startsWith('--')).map((word) => word.replace(/=.*/s, '')));
  const [command, ...flags] = rest;
  return [command, ...configWords(path, readConfig(path), given), ...flags];
}

/**
 * Turns a configuration into command-line words, without the flags that are given already.
 * @throws Error naming the file and the key.
 */
export function configWords(path: string, config: Record<string, unknown>, given = new Set<string>()): string[] {
  return Object.entries(config).flatMap(([key, value]) => {
    const flag = `--${key}`;
    return given.has(flag) || value === false || value === null ? [] : flagWords(path, flag, value);
  });
}

function readConfig(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(fileText(readFileSync(path), path, (reason) => new Error(reason)));
  } catch (error) {
    throw new Error(`${path}: cannot be used as --config (${(error as Error).message})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error(`${path}: a JSON object of flag names is expected, such as { "learning-rate": 1e-4 }`);
  }
  return value as Record<string, unknown>;
}

function flagWords(path: string, flag: string, value: unknown): string[] {
  if (value === true) return [flag];
  if (typeof value === 'string' || typeof value === 'number') return [flag, String(value)];
  if (Array.isArray(value) && value.every((item) => ['string', 'number'].includes(typeof item))) {
    return [flag, ...value.map(String)];
  }
  throw new Error(
    `${path}: '${flag.slice(2)}' is ${JSON.stringify(value)}; a string, number, true or list is expected`,
  );
}
