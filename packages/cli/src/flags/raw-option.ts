/** @file The flag --raw of commands that predict. */
import { Option } from 'commander';

/** The flag for the margin alone. */
export function rawOption(): Option {
  return new Option('--raw', "the margin's probability alone, without the style in the judge's arena.json").default(
    false,
  );
}
