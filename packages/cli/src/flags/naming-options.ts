/** @file The flags --columns and --winner-values: how the votes of a file are named. */
import type { TrainingSettings } from '@arena/judge';
import { RULES } from '@arena/judge/settings';
import { type Command, InvalidArgumentError } from 'commander';

/** What the flags give. */
export type NamingFlags = Pick<TrainingSettings, 'columns' | 'winnerValues'>;

/** Adds both flags. */
export function addNamingOptions(command: Command): Command {
  return command
    .option(
      '--columns <name=column,...>',
      'your names for the columns of the votes, such as response_a=answer_1,winner=label',
      (text: string, before?: Record<string, string>) => pairsOf(text, RULES.columns.properties, before),
    )
    .option(
      '--winner-values <a=value,...>',
      'the values that stand for A, B and a tie in the column of the votes, such as a=1,b=0',
      (text: string, before?: Record<string, string>) => pairsOf(text, RULES.winnerValues.properties, before),
    );
}

/** "x=1,y=2" as an object; the flag may also be repeated. */
function pairsOf(text: string, known: Record<string, unknown>, before: Record<string, string> = {}) {
  const pairs = { ...before };
  for (const part of text.split(',')) {
    const [name, value = ''] = part.split(/=(.*)/s).map((word) => word.trim());
    if (!Object.hasOwn(known, name)) {
      throw new InvalidArgumentError(`'${name}' is none of ${Object.keys(known).join(', ')}.`);
    }
    if (!value) throw new InvalidArgumentError(`${name} needs a value: ${name}=...`);
    pairs[name] = value;
  }
  return pairs;
}
