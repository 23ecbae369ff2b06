/** @file Error messages for users of the command. */
import { DataError } from '@arena/data';
import { FileError } from '@arena/files';
import { JudgeError } from '@arena/judge';
import { RULES } from '@arena/judge/settings';
import { proxyNote } from './hub/proxy.js';

/** Options of @arena/judge that are no settings and have a flag. */
const OPTIONS = ['raw', 'baseId', 'run'];

/** Characters of a message: what is longer holds the text of a file. */
const LONGEST = 2000;

/** An error's message in one line, with names of settings and options shown as flags. */
export function messageOf(error: unknown): string {
  const line = ownWords(error)
    .replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' ')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal would follow them
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '\ufffd');
  return line.length > LONGEST ? `${line.slice(0, LONGEST / 2)} ... ${line.slice(-LONGEST / 2)}` : line;
}

function ownWords(error: unknown): string {
  const { message, cause } = error as Error;
  if ([error, cause].some((one) => one instanceof FileError && one.code === 'network'))
    return `${message}; ${proxyNote()}`;
  if (!(error instanceof JudgeError || error instanceof DataError)) return message;
  return message.replace(/`(\w+)`/g, (quoted, key: string) =>
    Object.hasOwn(RULES, key) || OPTIONS.includes(key) ? `--${kebab(key)}` : quoted,
  );
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
