/**
 * @file The parts of a regular expression as functions that try to match, in the order and with the captures of Python's engine
 * (Modules/_sre/sre_lib.h). JavaScript's differs where a repetition ends, in groups that took no part, in classes and anchors.
 */

/** A text under way: its code points, and where each group begins and ends. */
export interface Run {
  text: string[];
  groups: ([number, number] | undefined)[];
  /** Tries left; a pattern that takes more is given up. */
  steps: number;
}

/** Tries a part at `at`, then what follows it. Groups are as before where it gives false. */
type Try = (run: Run, at: number, next: (end: number) => boolean) => boolean;

/** A part, and how many characters it takes. */
export interface Part {
  min: number;
  max: number;
  run: Try;
}

/** Thrown where a pattern takes more steps than {@link Run} has. */
export class TooManySteps extends Error {}

/** One character that passes the test. */
export function one(test: (char: string) => boolean): Part {
  return {
    min: 1,
    max: 1,
    run(run, at, next) {
      if (run.steps-- <= 0) throw new TooManySteps();
      return at < run.text.length && test(run.text[at]) && next(at + 1);
    },
  };
}

/** A place that passes the test. */
export function place(test: (text: string[], at: number) => boolean): Part {
  return { min: 0, max: 0, run: ({ text }, at, next) => test(text, at) && next(at) };
}

export function sequence(parts: Part[]): Part {
  const from = (i: number): Try =>
    i === parts.length
      ? (_run, at, next) => next(at)
      : chain(parts[i].run, i + 1 === parts.length ? undefined : from(i + 1));
  const sum = (key: 'min' | 'max') => parts.reduce((total, part) => total + part[key], 0);
  return { min: sum('min'), max: sum('max'), run: from(0) };
}

function chain(first: Try, rest: Try | undefined): Try {
  return rest ? (run, at, next) => first(run, at, (end) => rest(run, end, next)) : first;
}

export function branch(options: Part[]): Part {
  return {
    min: Math.min(...options.map(({ min }) => min)),
    max: Math.max(...options.map(({ max }) => max)),
    run: (run, at, next) => options.some((option) => option.run(run, at, next)),
  };
}

export function group(index: number, body: Part): Part {
  return {
    ...body,
    run: (run, at, next) =>
      body.run(run, at, (end) => {
        const before = run.groups[index];
        run.groups[index] = [at, end];
        if (next(end)) return true;
        run.groups[index] = before;
        return false;
      }),
  };
}

/** What a group holds, once more; a group that took no part matches nothing. */
export function reference(
  index: number,
  width: Pick<Part, 'min' | 'max'>,
  same: (a: string, b: string) => boolean,
): Part {
  return {
    ...width,
    run({ text, groups }, at, next) {
      const held = groups[index];
      if (!held) return false;
      const length = held[1] - held[0];
      for (let k = 0; k < length; k++)
        if (at + k >= text.length || !same(text[held[0] + k], text[at + k])) return false;
      return next(at + length);
    },
  };
}

/** One part where the group took part, another where it did not. */
export function conditional(index: number, yes: Part, no: Part): Part {
  return { ...branch([yes, no]), run: (run, at, next) => (run.groups[index] ? yes : no).run(run, at, next) };
}

/** The first way to match the body, without a way back into it. -1 for none. */
function first(body: Part, run: Run, at: number): number {
  let end = -1;
  body.run(run, at, (found) => {
    end = found;
    return true;
  });
  return end;
}

/** Goes on from `end`; groups are put back where that fails. */
function goOn(run: Run, end: number, before: Run['groups'], next: (end: number) => boolean): boolean {
  if (end >= 0 && next(end)) return true;
  run.groups = before;
  return false;
}

export function atomic(body: Part): Part {
  return {
    ...body,
    run(run, at, next) {
      const before = [...run.groups];
      return goOn(run, first(body, run, at), before, next);
    },
  };
}

/** What stands ahead of a place, or behind it (a body of one width). */
export function look(body: Part, behind: boolean, wanted: boolean): Part {
  return {
    min: 0,
    max: 0,
    run(run, at, next) {
      const before = [...run.groups];
      const start = behind ? at - body.min : at;
      const found = start >= 0 && first(body, run, start) >= 0;
      if (found !== wanted) {
        run.groups = before;
        return false;
      }
      if (!wanted) run.groups = [...before];
      return goOn(run, at, before, next);
    },
  };
}

export type RepeatMode = 'greedy' | 'lazy' | 'possessive';

export function repeat(body: Part, min: number, max: number, mode: RepeatMode): Part {
  const run: Try =
    mode === 'possessive'
      ? (state, at, next) => possessive(body, min, max, state, at, next)
      : mode === 'lazy'
        ? (state, at, next) => lazy(body, min, max, state, at, next, 0, -1)
        : (state, at, next) => greedy(body, min, max, state, at, next, 0);
  // where 0 times infinity would be no number
  return { min: body.min * min, max: body.max === 0 || max === 0 ? 0 : body.max * max, run };
}

/** A round that takes nothing is the last, as in MAX_UNTIL. */
function greedy(
  body: Part,
  min: number,
  max: number,
  run: Run,
  at: number,
  next: (end: number) => boolean,
  done: number,
): boolean {
  const again = (end: number): boolean => {
    const rounds = end === at ? Math.max(done + 1, min) : done + 1;
    return end === at && rounds >= min ? next(end) : greedy(body, min, max, run, end, next, rounds);
  };
  if (done < max && body.run(run, at, again)) return true;
  return done >= min && next(at);
}

/** As MIN_UNTIL: what follows goes first. `last` is where the round before began. */
function lazy(
  body: Part,
  min: number,
  max: number,
  run: Run,
  at: number,
  next: (end: number) => boolean,
  done: number,
  last: number,
): boolean {
  if (done >= min && next(at)) return true;
  if (done >= max || (done >= min && at === last)) return false;
  return body.run(run, at, (end) =>
    lazy(body, min, max, run, end, next, end === at ? Math.max(done + 1, min) : done + 1, at),
  );
}

function possessive(
  body: Part,
  min: number,
  max: number,
  run: Run,
  at: number,
  next: (end: number) => boolean,
): boolean {
  const before = [...run.groups];
  let end = at;
  for (let done = 0, last = -1; done < max; done++) {
    // a round that takes nothing is tried once more, as in POSSESSIVE_REPEAT: its groups may let the next take something
    if (end === last && (done >= min || min > 1000)) break;
    const found = first(body, run, end);
    if (found < 0 && done < min) return goOn(run, -1, before, next);
    if (found < 0) break;
    last = done < min ? -1 : end;
    end = found;
  }
  return goOn(run, end, before, next);
}
