/** @file Regular expressions of Python's `re`, in which PEFT's configurations are written, without reading them as JavaScript's. */

import { type Part, type Run, TooManySteps } from './matcher.js';
import { type ParsedPattern, PatternError, parsePattern } from './parser.js';

/** A compiled expression. */
export interface PythonRegex {
  /** Whether the whole text fits: `re.fullmatch`. */
  fullmatch(text: string): boolean;
  /** What each named group holds where the beginning of the text fits, else undefined: `re.match(…).groupdict()`. */
  match(text: string): Record<string, string | undefined> | undefined;
}

/** Steps on one text. Module paths take some hundreds. */
const MAX_STEPS = 1e6;

const compiled = new Map<string, PythonRegex>();

/**
 * Compiles an expression, or gives the one compiled before.
 * @throws Error in one line saying what Python refuses, and where. Matching throws one where it takes too many steps.
 */
export function pythonRegex(pattern: string): PythonRegex {
  const known = compiled.get(pattern);
  if (known) return known;
  const regex = matching(pattern, parse(pattern));
  if (compiled.size >= 1000) compiled.clear();
  compiled.set(pattern, regex);
  return regex;
}

function parse(pattern: string): ParsedPattern {
  try {
    return parsePattern(pattern);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new Error(`${JSON.stringify(pattern)} is no regular expression of Python's: ${error.message}`);
  }
}

function matching(pattern: string, { part, groups, names }: ParsedPattern): PythonRegex {
  const tried = (text: string, ends: (run: Run, end: number) => boolean): Run | undefined => {
    const run: Run = { text: Array.from(text), groups: Array<undefined>(groups).fill(undefined), steps: MAX_STEPS };
    return attempt(part, run, pattern, (end) => ends(run, end)) ? run : undefined;
  };
  return {
    fullmatch: (text) => tried(text, ({ text: { length } }, end) => end === length) !== undefined,
    match(text) {
      const run = tried(text, () => true);
      if (!run) return undefined;
      const held = ([name, index]: [string, number]) => [
        name,
        run.groups[index] && run.text.slice(...run.groups[index]).join(''),
      ];
      return Object.fromEntries([...names].map(held));
    },
  };
}

function attempt(part: Part, run: Run, pattern: string, ends: (end: number) => boolean): boolean {
  try {
    return part.run(run, 0, ends);
  } catch (error) {
    if (!(error instanceof TooManySteps || error instanceof RangeError)) throw error;
    throw new Error(
      `${JSON.stringify(pattern)} takes too many steps on ${JSON.stringify(run.text.join(''))}: list the names`,
    );
  }
}
