/** @file Error messages for users of the command. */
import { DataError } from '@arena/data';
import { JudgeError } from '@arena/judge';
import { RULES } from '@arena/judge/settings';

/** Options of @arena/judge that are no settings and have a flag. */
const OPTIONS = ['raw'];

/** An error's message, with names of settings and options shown as flags. */
export function messageOf(error: unknown): string {
  const { message } = error as Error;
  if (!(error instanceof JudgeError || error instanceof DataError)) return message;
  return message.replace(/`(\w+)`/g, (quoted, key: string) =>
    Object.hasOwn(RULES, key) || OPTIONS.includes(key) ? `--${kebab(key)}` : quoted,
  );
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
