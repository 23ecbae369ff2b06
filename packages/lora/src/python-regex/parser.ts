/** @file A regular expression of Python's `re` for text (Lib/re/_parser.py of 3.11), read as Python reads it. */

import {
  atomic,
  branch,
  conditional,
  group,
  look,
  one,
  type Part,
  place,
  type RepeatMode,
  reference,
  repeat,
  sequence,
} from './matcher.js';

/** What is wrong with a pattern, and where. */
export class PatternError extends Error {}

/** A pattern that was read. */
export interface ParsedPattern {
  part: Part;
  /** Groups, and the numbers of those with a name. */
  groups: number;
  names: Map<string, number>;
}

interface Flags {
  ignoreCase: boolean;
  multiline: boolean;
  dotAll: boolean;
  verbose: boolean;
  ascii: boolean;
}

const FLAG_NAMES = { i: 'ignoreCase', m: 'multiline', s: 'dotAll', x: 'verbose', a: 'ascii', u: undefined } as const;
const CONTROL: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\' };
const IDENTIFIER = /^[\p{ID_Start}_][\p{ID_Continue}]*$/u;
const MAX_DEPTH = 200;

type Test = (char: string) => boolean;

/** What str.isspace takes: JavaScript's \s has U+FEFF in place of U+001C to U+001F and U+0085. */
const SPACES = new Set('\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000');
for (let code = 0x2000; code <= 0x200a; code++) SPACES.add(String.fromCharCode(code));

/** The classes of \d, \w and \s: of str, and with flag `a` of ASCII. */
const CLASSES: Record<string, [Test, Test]> = {
  d: [(char) => /\p{Nd}/u.test(char), (char) => /[0-9]/.test(char)],
  w: [(char) => /[\p{L}\p{N}_]/u.test(char), (char) => /[0-9A-Za-z_]/.test(char)],
  s: [(char) => SPACES.has(char), (char) => /[\t-\r ]/.test(char)],
};

/** @throws PatternError where Python stops, or for what only some versions of it read. */
export function parsePattern(pattern: string): ParsedPattern {
  const text = Array.from(pattern);
  const names = new Map<string, number>();
  const widths: (Part | undefined)[] = [undefined]; // of closed groups, by number
  let behindFrom = Number.POSITIVE_INFINITY; // groups from here on are within a lookbehind
  let highest = { index: 0, at: 0 }; // referred to by a condition before it is known
  let global: Flags = { ignoreCase: false, multiline: false, dotAll: false, verbose: false, ascii: false };
  let at = 0;

  const fail = (message: string, where = at): never => {
    throw new PatternError(`${message} at position ${where}`);
  };
  const take = (char: string) => {
    const isThere = text[at] === char;
    if (isThere) at++;
    return isThere;
  };
  const until = (end: string, what: string) => {
    const found = text.indexOf(end, at);
    if (found < 0) fail(`missing ${end}, unterminated ${what}`);
    const name = text.slice(at, found).join('');
    at = found + 1;
    return name || fail(`missing ${what}`);
  };

  function alternatives(flags: Flags, depth: number): Part {
    if (depth > MAX_DEPTH) fail('groups are nested too deep');
    const options: Part[] = [];
    let own = flags;
    do {
      options.push(items(own, depth, depth === 0 && options.length === 0));
      if (depth === 0) own = global;
    } while (take('|'));
    return options.length === 1 ? options[0] : branch(options);
  }

  function items(given: Flags, depth: number, isFirst: boolean): Part {
    let flags = given;
    const list: { part: Part; kind: 'item' | 'place' | 'repeat' }[] = [];
    while (at < text.length && text[at] !== '|' && text[at] !== ')') {
      const begin = at;
      const char = text[at++];
      if (flags.verbose && /[ \t\n\r\v\f]/.test(char)) continue;
      if (flags.verbose && char === '#') {
        while (at < text.length && text[at++] !== '\n');
        continue;
      }
      const bounds = '*+?{'.includes(char) ? quantifier(char) : undefined;
      if (bounds) {
        const last = list.at(-1);
        if (!last || last.kind === 'place') fail('nothing to repeat', begin);
        if (last!.kind === 'repeat') fail('multiple repeat', begin);
        const mode: RepeatMode = take('?') ? 'lazy' : take('+') ? 'possessive' : 'greedy';
        list[list.length - 1] = { part: repeat(last!.part, ...bounds, mode), kind: 'repeat' };
      } else if (char === '\\') list.push(escaped(flags));
      else if (char === '[') list.push({ part: one(set(flags)), kind: 'item' });
      else if (char === '.') list.push({ part: one((c) => flags.dotAll || c !== '\n'), kind: 'item' });
      else if (char === '^') {
        const { multiline } = flags;
        list.push({ part: place((t, i) => i === 0 || (multiline && t[i - 1] === '\n')), kind: 'place' });
      } else if (char === '$') {
        const { multiline } = flags;
        const isEnd = (t: string[], i: number) =>
          i === t.length || (t[i] === '\n' && (multiline || i === t.length - 1));
        list.push({ part: place(isEnd), kind: 'place' });
      } else if (char === '(') {
        const part = parenthesis(flags, depth, begin, isFirst && list.length === 0);
        if (part) list.push({ part, kind: 'item' });
        else if (depth === 0) flags = global;
      } else list.push({ part: literal(char, flags), kind: 'item' });
    }
    return sequence(list.map(({ part }) => part));
  }

  /** Least and most rounds; undefined for a brace that is a character. */
  function quantifier(char: string): [number, number] | undefined {
    if (char !== '{') return [char === '+' ? 1 : 0, char === '?' ? 1 : Number.POSITIVE_INFINITY];
    const found = /^(\d*)(,?)(\d*)\}/.exec(text.slice(at, at + 64).join(''));
    if (!found || found[0] === '}' || (!found[2] && found[3])) return undefined;
    const begin = at;
    at += found[0].length;
    const min = Number(found[1] || 0);
    const max = found[2] ? (found[3] ? Number(found[3]) : Number.POSITIVE_INFINITY) : min;
    if (min >= 2 ** 32 - 1 || (max !== Number.POSITIVE_INFINITY && max >= 2 ** 32 - 1))
      fail('the repetition number is too large', begin);
    if (max < min) fail('min repeat greater than max repeat', begin);
    return [min, max];
  }

  /** What a parenthesis opens; undefined for a comment and for flags of the whole pattern. */
  function parenthesis(flags: Flags, depth: number, begin: number, isFirst: boolean): Part | undefined {
    const close = () => take(')') || fail('missing ), unterminated subpattern', begin);
    const inner = (own = flags) => {
      const part = alternatives(own, depth + 1);
      close();
      return part;
    };
    if (!take('?')) return capture(undefined, inner);
    const char = text[at++] ?? fail('unexpected end of pattern');
    if (char === ':') return inner();
    if (char === '>') return atomic(inner());
    if (char === '#') {
      while (text[at] !== ')') if (at++ >= text.length) fail('missing ), unterminated comment', begin);
      at++;
      return undefined;
    }
    if (char === 'P') {
      if (take('<')) return capture(groupName('>'), inner);
      if (take('=')) {
        const name = groupName(')');
        return backReference(names.get(name) ?? fail(`unknown group name '${name}'`), flags);
      }
      fail(`unknown extension ?P${text[at] ?? ''}`, begin + 1);
    }
    if (char === '=' || char === '!') return look(inner(), false, char === '=');
    if (char === '<') {
      const kind = text[at++];
      if (kind !== '=' && kind !== '!') fail(`unknown extension ?<${kind ?? ''}`, begin + 1);
      const before = behindFrom;
      behindFrom = Math.min(behindFrom, widths.length);
      const body = inner();
      behindFrom = before;
      if (body.min !== body.max) fail('look-behind requires fixed-width pattern', begin);
      return look(body, true, kind === '=');
    }
    if (char === '(') {
      const index = condition();
      const yes = items(flags, depth + 1, false);
      const no = take('|') ? items(flags, depth + 1, false) : sequence([]);
      if (text[at] === '|') fail('conditional backref with more than two branches');
      close();
      return conditional(index, yes, no);
    }
    at--;
    return flagged(flags, isFirst, begin, inner);
  }

  /** `(?i)` for the whole, or `(?i:…)`, `(?-i:…)` for what is in it. */
  function flagged(flags: Flags, isFirst: boolean, begin: number, inner: (own: Flags) => Part): Part | undefined {
    const read = (known: string) => {
      let letters = '';
      while (at < text.length && known.includes(text[at])) letters += text[at++];
      return letters;
    };
    const on = read('aimsux');
    const off = take('-') ? read('imsx') || fail('missing flag') : '';
    const end = text[at++];
    if (!on && !off) fail(`unknown extension ?${end ?? ''}`, begin + 1);
    if (end !== ')' && end !== ':') fail(end === undefined ? 'missing -, : or )' : `unknown flag '${end}'`, at - 1);
    if (/a.*u|u.*a/.test(on)) fail("bad inline flags: flags 'a', 'u' and 'L' are incompatible", begin);
    if ([...off].some((letter) => on.includes(letter))) fail('bad inline flags: flag turned on and off', begin);
    if (end === ')') {
      if (off) fail('missing :', at - 1);
      if (!isFirst) fail('global flags not at the start of the expression', begin);
      global = withFlags(global, on, true);
      return undefined;
    }
    const base = on.includes('u') ? { ...flags, ascii: false } : flags;
    return inner(withFlags(withFlags(base, on, true), off, false));
  }

  function groupName(end: string): string {
    const name = until(end, 'group name');
    if (!IDENTIFIER.test(name)) fail(`bad character in group name '${name}'`);
    return name;
  }

  function capture(name: string | undefined, inner: () => Part): Part {
    const index = widths.push(undefined) - 1;
    if (index > 1000) fail('too many groups');
    if (name !== undefined) {
      if (names.has(name)) fail(`redefinition of group name '${name}'`);
      names.set(name, index);
    }
    const body = inner();
    widths[index] = body;
    return group(index, body);
  }

  function backReference(index: number, { ignoreCase }: Flags): Part {
    if (index >= widths.length) fail(`invalid group reference ${index}`);
    const width = widths[index] ?? fail('cannot refer to an open group');
    if (index >= behindFrom) fail('cannot refer to group defined in the same lookbehind subpattern');
    return reference(
      index,
      { min: width.min, max: width.max },
      ignoreCase ? (a, b) => lower(a) === lower(b) : (a, b) => a === b,
    );
  }

  function condition(): number {
    const begin = at;
    const name = until(')', 'group name');
    if (IDENTIFIER.test(name)) return names.get(name) ?? fail(`unknown group name '${name}'`, begin);
    if (!/^[0-9]+$/.test(name)) fail(`bad character in group name '${name}'`, begin);
    const index = Number(name);
    if (index === 0) fail('bad group number', begin);
    if (index >= behindFrom) fail('cannot refer to group defined in the same lookbehind subpattern', begin);
    if (index > highest.index) highest = { index, at: begin };
    return index;
  }

  /** What stands behind a backslash outside a set. */
  function escaped(flags: Flags): { part: Part; kind: 'item' | 'place' } {
    const begin = at - 1;
    const char = text[at++] ?? fail('bad escape (end of pattern)', begin);
    const item = (test: Test) => ({ part: one(test), kind: 'item' as const });
    const spot = (test: Parameters<typeof place>[0]) => ({ part: place(test), kind: 'place' as const });
    if (char === 'A') return spot((_t, i) => i === 0);
    if (char === 'Z' || char === 'z') return spot((t, i) => i === t.length); // \z: as of Python 3.14
    if (char === 'b' || char === 'B') {
      const isWord = classTest('w', flags);
      const at = (t: string[], i: number) => i >= 0 && i < t.length && isWord(t[i]);
      // where the text is empty Python 3.11 finds neither
      if (char === 'b') return spot((t, i) => at(t, i - 1) !== at(t, i));
      return spot((t, i) => t.length > 0 && at(t, i - 1) === at(t, i));
    }
    const kind = char.toLowerCase();
    if (CLASSES[kind]) {
      const test = classTest(kind, flags);
      return item(kind === char ? test : (c) => !test(c));
    }
    if (/[1-9]/.test(char)) {
      let digits = char;
      if (/[0-9]/.test(text[at] ?? '')) {
        digits += text[at++];
        if (/^[0-7]{2}$/.test(digits) && /[0-7]/.test(text[at] ?? '')) {
          const code = Number.parseInt(digits + text[at++], 8);
          if (code > 0o377) fail('octal escape value outside of range 0-0o377', begin);
          return { part: literal(String.fromCharCode(code), flags), kind: 'item' };
        }
      }
      return { part: backReference(Number(digits), flags), kind: 'item' };
    }
    return { part: literal(character(char, begin, false), flags), kind: 'item' };
  }

  /** The character of an escape that stands for one; `char` follows the backslash. */
  function character(char: string, begin: number, inSet: boolean): string {
    const digits = (pattern: RegExp, most: number) => {
      let found = '';
      while (found.length < most && pattern.test(text[at] ?? '')) found += text[at++];
      return found;
    };
    const width = { x: 2, u: 4, U: 8 }[char];
    if (width) {
      const hex = digits(/[0-9a-fA-F]/, width);
      const code = Number.parseInt(hex, 16);
      if (hex.length !== width) fail(`incomplete escape \\${char}${hex}`, begin);
      if (code > 0x10ffff) fail(`bad escape \\${char}${hex}`, begin);
      return String.fromCodePoint(code);
    }
    if (/[0-7]/.test(char)) {
      const code = Number.parseInt(char + digits(/[0-7]/, 2), 8);
      if (code > 0o377) fail('octal escape value outside of range 0-0o377', begin);
      return String.fromCharCode(code);
    }
    if (char === 'N') fail('\\N{…}, a character by its name, is not known here', begin);
    if (char in CONTROL && (char !== 'b' || inSet)) return CONTROL[char];
    if (/[A-Za-z0-9]/.test(char)) fail(`bad escape \\${char}`, begin);
    return char;
  }

  function set(flags: Flags): Test {
    const begin = at - 1;
    const negate = take('^');
    const tests: Test[] = [];
    const next = () => text[at++] ?? fail('unterminated character set', begin);
    /** A character, or the test of a class. */
    const member = (char: string): string | Test => {
      if (char !== '\\') return char;
      const start = at - 1;
      const letter = text[at++] ?? fail('bad escape (end of pattern)', start);
      const kind = letter.toLowerCase();
      if (!CLASSES[kind]) return character(letter, start, true);
      const test = classTest(kind, flags);
      return kind === letter ? test : (c) => !test(c);
    };
    const add = (low: string | Test, high = low) =>
      tests.push(typeof low === 'string' ? between(low, high as string, flags) : low);
    while (true) {
      const char = next();
      if (char === ']' && tests.length) break;
      const low = member(char);
      if (!take('-')) {
        add(low);
        continue;
      }
      const after = next();
      if (after === ']') {
        add(low);
        add('-');
        break;
      }
      const high = member(after);
      if (typeof low !== 'string' || typeof high !== 'string' || high.codePointAt(0)! < low.codePointAt(0)!)
        fail(`bad character range ${char}-${after}`);
      add(low, high);
    }
    return (c) => tests.some((test) => test(c)) !== negate;
  }

  const part = alternatives(global, 0);
  if (at < text.length) fail('unbalanced parenthesis');
  if (highest.index >= widths.length) fail(`invalid group reference ${highest.index}`, highest.at);
  return { part, groups: widths.length, names };
}

function withFlags(flags: Flags, letters: string, value: boolean): Flags {
  const named = [...letters].flatMap((letter) => FLAG_NAMES[letter as keyof typeof FLAG_NAMES] ?? []);
  return { ...flags, ...Object.fromEntries(named.map((name) => [name, value])) };
}

function classTest(kind: string, { ascii }: Flags): Test {
  return CLASSES[kind][ascii ? 1 : 0];
}

function literal(char: string, { ignoreCase }: Flags): Part {
  if (!ignoreCase) return one((c) => c === char);
  const small = lower(char);
  return one((c) => lower(c) === small);
}

/** Characters from `low` to `high`; without case also those whose other case is. */
function between(low: string, high: string, { ignoreCase }: Flags): Test {
  const [from, to] = [low.codePointAt(0)!, high.codePointAt(0)!];
  const isIn = (char: string) => char.codePointAt(0)! >= from && char.codePointAt(0)! <= to;
  if (!ignoreCase) return isIn;
  return (char) => isIn(char) || isIn(lower(char)) || isIn(single(char.toUpperCase(), char));
}

function lower(char: string): string {
  return single(char.toLowerCase(), char);
}

/** A mapped character where it is one, else the character itself. */
function single(mapped: string, char: string): string {
  return Array.from(mapped).length === 1 ? mapped : char;
}
