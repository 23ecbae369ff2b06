/** @file Error messages for users of the command. */
import { JudgeError } from '@arena/judge';
import { RULES } from '@arena/judge/settings';

/** An error's message, with names of settings shown as flags. */
export function messageOf(error: unknown): string {
  const { message } = error as Error;
  if (!(error instanceof JudgeError)) return message;
  return message.replace(/`(\w+)`/g, (quoted, key: string) => (Object.hasOwn(RULES, key) ? `--${kebab(key)}` : quoted));
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
