/** @file `configs` in the front matter of a data set's README.md, where the hub cannot be asked for it. */

interface Line {
  indent: number;
  text: string;
}

/**
 * The value of `configs`, of the YAML that the hub writes: lists, objects and texts. Undefined where there is none, or where
 * it is written in another way.
 */
export function cardConfigs(readme: string): unknown {
  const front = /^---\r?\n(.*?)\r?\n---/s.exec(readme)?.[1].split(/\r?\n/) ?? [];
  const start = front.findIndex((line) => /^configs:\s*$/.test(line));
  if (start < 0) return undefined;
  const rest = front.slice(start + 1);
  const end = rest.findIndex((line) => /^[^\s#-]/.test(line));
  const lines = (end < 0 ? rest : rest.slice(0, end))
    .filter((line) => line.trim() && !/^\s*#/.test(line))
    .map((line) => ({ indent: line.search(/\S/), text: line.trim() }));
  try {
    return blockOf(lines);
  } catch {
    return undefined;
  }
}

function blockOf(lines: Line[]): unknown {
  const [first] = lines;
  return first.text.startsWith('- ') || first.text === '-' ? listOf(lines) : objectOf(lines);
}

/** Runs of lines that begin at the first one's indent. A list under a key may have the key's own. */
function groups(lines: Line[], begins: (line: Line) => boolean): Line[][] {
  const found: Line[][] = [];
  for (const line of lines) {
    if (line.indent === lines[0].indent && begins(line)) found.push([line]);
    else found.at(-1)!.push(line);
  }
  return found;
}

function listOf(lines: Line[]): unknown[] {
  return groups(lines, ({ text }) => text.startsWith('-')).map(([{ indent, text }, ...rest]) => {
    const own = text.slice(1).trimStart();
    const inner = own ? [{ indent: indent + text.length - own.length, text: own }, ...rest] : rest;
    return KEY.test(own) || rest.length ? blockOf(inner) : scalar(own);
  });
}

const KEY = /^([\w-]+):(?:\s+(.*))?$/;

function objectOf(lines: Line[]): Record<string, unknown> {
  return Object.fromEntries(
    groups(lines, ({ text }) => !text.startsWith('-')).map(([{ text }, ...rest]) => {
      const [, key, value] = KEY.exec(text)!;
      if (value !== undefined && value !== '') return [key, scalar(value)];
      return [key, rest.length ? blockOf(rest) : null];
    }),
  );
}

function scalar(text: string): unknown {
  if (/^["'].*["']$/s.test(text)) return text.slice(1, -1);
  if (/^[[{|>&*!]/.test(text)) throw new Error('YAML of another kind');
  return text === 'true' ? true : text === 'false' ? false : text.replace(/\s+#.*$/, '');
}
