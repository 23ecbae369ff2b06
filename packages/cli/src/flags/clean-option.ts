/** @file The flag --clean: what happens to each kind of battle that may teach the wrong thing. */
import type { Cleaning } from '@arena/judge/settings';
import { type Command, InvalidArgumentError } from 'commander';

/** The meaning of each reason, and its actions with the default first. */
const REASONS: Record<string, { key: keyof Cleaning; actions: string[]; meaning: string }> = {
  unlabeled: { key: 'unlabeled', actions: ['drop', 'keep'], meaning: 'no vote' },
  'both-empty': { key: 'bothEmpty', actions: ['drop', 'keep'], meaning: 'both answers blank' },
  'one-empty': { key: 'oneEmpty', actions: ['keep', 'drop'], meaning: 'one answer blank' },
  'null-turn': { key: 'nullTurn', actions: ['keep', 'drop'], meaning: 'a turn was null in the file' },
  identical: { key: 'identical', actions: ['drop', 'keep'], meaning: 'both answers the same' },
  duplicate: { key: 'duplicate', actions: ['drop', 'keep'], meaning: 'the texts of an earlier battle' },
  'swapped-duplicate': {
    key: 'swappedDuplicate',
    actions: ['drop', 'keep'],
    meaning: 'the same with A and B exchanged',
  },
  'non-text': {
    key: 'nonText',
    actions: ['reject', 'leave-out'],
    meaning: 'images and parts of tools: no battle, or the text that is left',
  },
  unreadable: {
    key: 'unreadable',
    actions: ['skip', 'stop'],
    meaning: 'records that are no battles: passed over, or the end of the run',
  },
};
const MAX_CHARS = 'max-chars';

const HELP = `
--clean takes reason=action, the default first:
${Object.entries(REASONS)
  .map(([reason, { actions, meaning }]) => `  ${`${reason}=${actions.join('|')}`.padEnd(30)}${meaning}`)
  .join('\n')}
  ${`${MAX_CHARS}=200000`.padEnd(30)}longer turns are cut there (UTF-16 code units)`;

/** Adds the flag, and its values to the command's help. */
export function addCleanOption(command: Command): Command {
  return command
    .option(
      '--clean <reason=action...>',
      'drop or keep battles by reason, such as non-text=leave-out (see below)',
      parse,
    )
    .addHelpText('after', HELP);
}

function parse(text: string, before: Cleaning = {}): Cleaning {
  const [reason, action = ''] = text.split(/=(.*)/s);
  if (reason === MAX_CHARS) {
    if (!/^[1-9]\d{0,14}$/.test(action)) throw new InvalidArgumentError(`${MAX_CHARS} needs a whole number from 1.`);
    return { ...before, maxChars: Number(action) };
  }
  if (reason === 'ties') throw new InvalidArgumentError('ties have a flag of their own, --ties.');
  if (!Object.hasOwn(REASONS, reason)) {
    throw new InvalidArgumentError(`the reasons are ${[...Object.keys(REASONS), MAX_CHARS].join(', ')}.`);
  }
  const { key, actions } = REASONS[reason];
  if (!actions.includes(action)) throw new InvalidArgumentError(`${reason} takes ${actions.join(' or ')}.`);
  return { ...before, [key]: action };
}
