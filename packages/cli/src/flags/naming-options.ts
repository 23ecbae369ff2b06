/** @file The flags --columns and --winner-values: how the votes of a file are named. */
import type { TrainingSettings } from '@arena/judge';
import { namesFromText } from '@arena/judge/settings';
import { type Command, InvalidArgumentError } from 'commander';
import { messageOf } from '../message.js';

/** What the flags give. */
export type NamingFlags = Pick<TrainingSettings, 'columns' | 'winnerValues'>;

/** Adds both flags. */
export function addNamingOptions(command: Command): Command {
  return command
    .option(
      '--columns <name=column,...>',
      'your names for the columns of the votes, such as response_a=answer_1,winner=label',
      parser('columns'),
    )
    .option(
      '--winner-values <a=value,...>',
      'the values that stand for A, B and a tie in the column of the votes, such as a=1,b=0',
      parser('winnerValues'),
    );
}

function parser(setting: 'columns' | 'winnerValues') {
  return (text: string, before?: Record<string, string>) => {
    try {
      return namesFromText(setting, text, before);
    } catch (error) {
      throw new InvalidArgumentError(`${messageOf(error)}.`);
    }
  };
}
