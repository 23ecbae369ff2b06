/** @file What the checks and the site read of a markdown page: its title, headings, links and code blocks. */

/** A block's mark: the reason why a check leaves it alone. `no-run` blocks are still parsed. */
const MARK = /\b(no-run|no-check)(?::\s*(.*))?$/;

/** A comment at the end of a text, with what it declares. */
const GIVEN = /<!-- given:((?:(?!-->)[\s\S])*)-->\s*$/;

/** Lines of a page with what they are: text, or code of a block. */
function linesOf(text) {
  let fence;
  return text.split('\n').map((line, i) => {
    const [, indent, marks, info] = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (fence) {
      const ends = marks?.startsWith(fence.marks) && !info.trim();
      const owner = fence;
      if (ends) fence = undefined;
      return { line, number: i + 1, kind: ends ? 'end' : 'code', fence: owner };
    }
    if (!marks || (marks[0] === '`' && info.includes('`'))) return { line, number: i + 1, kind: 'text' };
    fence = { marks, info: info.trim(), indent: indent.length };
    return { line, number: i + 1, kind: 'begin', fence };
  });
}

/**
 * The code blocks of a page. `lang` is '' without one; `words` are what follows it, `mark` and `reason` a mark among
 * them; `given` is what a comment before the block declares for the compiler alone: `<!-- given: declare const x: number -->`.
 */
export function blocksOf(text) {
  const blocks = [];
  const lines = text.split('\n');
  for (const { line, number, kind, fence } of linesOf(text)) {
    if (kind === 'begin') {
      const [, lang, words] = /^(\S*)\s*(.*)$/.exec(fence.info);
      const [, mark, reason] = MARK.exec(words) ?? [];
      const given = GIVEN.exec(lines.slice(0, number - 1).join('\n'))?.[1].trim();
      blocks.push({ lang, words: words.split(/\s+/), mark, reason: reason?.trim(), given, line: number, code: '' });
    } else if (kind === 'code') {
      blocks.at(-1).code += `${line.slice(Math.min(fence.indent, /^\s*/.exec(line)[0].length))}\n`;
    }
  }
  return blocks;
}

/** The page without code, line by line: blocks and spans of code are blank. */
function proseOf(text) {
  const lines = linesOf(text).map(({ line, kind }) => (kind === 'text' ? line : ''));
  return lines.join('\n').replace(/(`+)(?!`)([\s\S]*?[^`])\1(?!`)/g, (span) => span.replace(/[^\n]/g, ' '));
}

/** The anchor of a heading, as GitHub makes it and the site is told to. */
export function slugOf(title) {
  return title
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replace(/ /g, '-');
}

/** A heading's text as it is read: without marks of code, emphasis and links. */
function plain(title) {
  return title
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/`/g, '')
    .replace(/\*\*?([^*]+)\*\*?/g, '$1')
    .replace(/\\([<>*_[\]])/g, '$1')
    .trim();
}

/** The headings of a page, with their anchors. */
export function headingsOf(text) {
  const seen = new Map();
  return linesOf(text).flatMap(({ line, kind }) => {
    const [, marks, title] = (kind === 'text' && /^(#{1,6})\s+(.*?)\s*#*$/.exec(line)) || [];
    if (!marks) return [];
    const slug = slugOf(plain(title));
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return [{ level: marks.length, title: plain(title), anchor: count ? `${slug}-${count}` : slug }];
  });
}

/** The title of a page: its first heading. */
export function titleOf(text) {
  return headingsOf(text)[0]?.title;
}

/** The first paragraph of a page in one line: what a list of pages says of it. */
export function firstParagraph(text) {
  const body = text.replace(/^#[^\n]*$/m, '');
  const paragraph = body.split(/\n\s*\n/).find((one) => /^\s*[A-Za-z*`[]/.test(one) && !one.includes('```'));
  return plain((paragraph ?? '').replace(/\s+/g, ' '));
}

/** The targets of links and pictures, with the line where each stands. */
export function linksOf(text) {
  const prose = proseOf(text);
  const found = [...prose.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\s*\[[^\]]+\]:\s+(\S+)/gm)];
  const tags = [...prose.matchAll(/\s(?:href|src)="([^"]+)"/g)];
  return [...found, ...tags].map((match) => ({
    target: match[1] ?? match[2],
    line: prose.slice(0, match.index).split('\n').length,
  }));
}
