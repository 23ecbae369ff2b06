/** @file The site as text: each page beside its HTML as .md, llms.txt (a list of them) and llms-full.txt (all in one). */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { firstParagraph } from '../../tools/docs/markdown.mjs';
import { apiPages, DOCS, sections } from './pages.mjs';

/** Characters of what llms.txt says of a page. */
const LONGEST = 160;

/** Writes the texts into a built site. @param base The folder that the site lies in, with a slash at its end. */
export function writeTexts(out, { base, title, description }) {
  const all = sections();
  const pages = all.flatMap((section) => section.pages);
  for (const path of [...pages.map((page) => page.path), ...apiPages().map((name) => `reference/api/${name}`)]) {
    mkdirSync(dirname(join(out, path)), { recursive: true });
    cpSync(join(DOCS, path), join(out, path));
  }
  const lists = all.map((section) => {
    const lines = section.pages.map((page) => {
      const said = short(firstParagraph(page.text));
      return `- [${page.title}](${base}${page.path})${said ? `: ${said}` : ''}`;
    });
    return `## ${section.title}\n\n${lines.join('\n')}\n`;
  });
  writeFileSync(join(out, 'llms.txt'), `# ${title}\n\n> ${description}\n\n${lists.join('\n')}`);
  writeFileSync(
    join(out, 'llms-full.txt'),
    pages.map(({ path, text }) => `<!-- ${path} -->\n\n${text.trim()}\n`).join('\n\n'),
  );
}

function short(text) {
  return text.length > LONGEST ? `${text.slice(0, text.lastIndexOf(' ', LONGEST))} …` : text;
}
