/** @file What an error is to people who use the command. */
import { JudgeError } from '@arena/judge';
import { RULES } from '@arena/judge/settings';

/** An error's message; what it calls a setting is shown as the flag. */
export function messageOf(error: unknown): string {
  const { message } = error as Error;
  if (!(error instanceof JudgeError)) return message;
  return message.replace(/`(\w+)`/g, (quoted, key: string) => (Object.hasOwn(RULES, key) ? `--${kebab(key)}` : quoted));
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
