/** @file Titled parts of prose, tables and charts, as one self-contained HTML page, or as markdown. */

import { escapeHtml, escapeMarkdown, shorten } from '../text.js';
import { STYLE } from './style-sheet.js';

/** Pages show the first 200 rows and the number of further ones, and cut cells at 120 characters. */
export interface Table {
  caption: string;
  columns: string[];
  /** Plain text, not escaped; the first cell heads the row. */
  rows: string[][];
}

/** A part of a page, in HTML with its charts between paragraphs and tables. Texts are plain; writing escapes them. */
export interface Block {
  title: string;
  paragraphs: string[];
  tables: Table[];
  /** SVG elements. */
  charts: string[];
}

/** Content of {@link pageHtml} and {@link pageMarkdown}. */
export interface Page {
  title: string;
  /** The sentence below the title: the result. */
  lead: string;
  blocks: readonly Block[];
}

/** Rows shown of one table. */
const MOST_ROWS = 200;

/** Longest value with its interval. Longer cells hold names or texts, which may wrap. */
const MOST_OF_FIGURE = 24;

/**
 * One HTML page: no scripts, no network, light and dark, printable; every text is escaped.
 * @param last A further part with ready HTML, only in HTML.
 */
export function pageHtml({ title, lead, blocks }: Page, last?: { title: string; html: string }): string {
  const id = (i: number) => `part-${i + 1}`;
  const titles = [...blocks, ...(last ? [last] : [])].map((block) => block.title);
  const nav = titles.map((text, i) => `<a href="#${id(i)}">${escapeHtml(text)}</a>`).join(' ');
  const bodies = [...blocks.map(blockHtml), ...(last ? [last.html] : [])];
  const sections = bodies.map((body, i) => `<section id="${id(i)}"><h2>${escapeHtml(titles[i])}</h2>${body}</section>`);
  const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  const heading = escapeHtml(shorten(title, 200));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${heading}</title>
<style>${STYLE}</style></head><body>
<header><h1>${heading}</h1><p class="verdict">${escapeHtml(lead)}</p>
<nav aria-label="Parts of the report">${nav}</nav></header>
<main>${sections.join('\n')}</main>
</body></html>
`;
}

function blockHtml({ paragraphs, tables, charts }: Block): string {
  return (
    paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`).join('') +
    (charts.length ? `<div class="charts">${charts.join('')}</div>` : '') +
    tables.map(tableHtml).join('')
  );
}

function tableHtml({ caption, columns, rows }: Table): string {
  const cells = (row: string[]) =>
    row
      .map((cell, k) => {
        const text = `<bdi>${escapeHtml(shorten(cell, 120)).replace(/ \[(?=[-+\d])/g, ' <wbr>[')}</bdi>`;
        if (k === 0) return `<th scope="row">${text}</th>`;
        return cell.length > MOST_OF_FIGURE ? `<td class="text">${text}</td>` : `<td>${text}</td>`;
      })
      .join('');
  const name = escapeHtml(caption);
  return (
    `<div class="table" role="region" aria-label="${name}" tabindex="0"><table>` +
    `<caption><span>${name}</span></caption><thead><tr>` +
    columns.map((column) => `<th scope="col">${headHtml(column)}</th>`).join('') +
    `</tr></thead><tbody>${rows
      .slice(0, MOST_ROWS)
      .map((row) => `<tr>${cells(row)}</tr>`)
      .join('')}</tbody></table></div>${rowsLeftOut(rows)
      .map((text) => `<p>${text}</p>`)
      .join('')}`
  );
}

/** Allows one line break, at the space nearest the middle: a head of three lines would be too tall. */
function headHtml(column: string): string {
  const words = column.split(' ');
  const split = (i: number) => [words.slice(0, i).join(' '), words.slice(i).join(' ')];
  const uneven = ([first, second]: string[]) => Math.abs(first.length - second.length);
  const halves = words.slice(1).map((_, i) => split(i + 1));
  const even = halves.toSorted((a, b) => uneven(a) - uneven(b))[0] ?? [column];
  return even.map(escapeHtml).join(' <wbr>');
}

/** The note below a table that is too long: one sentence or none. */
function rowsLeftOut(rows: string[][]): string[] {
  const more = rows.length - MOST_ROWS;
  if (more <= 0) return [];
  return [more === 1 ? '1 more row is not shown here.' : `${more.toLocaleString('en')} more rows are not shown here.`];
}

/** The same without charts. */
export function pageMarkdown({ title, lead, blocks }: Page): string {
  const parts = blocks.flatMap((block) => [
    `## ${escapeMarkdown(block.title)}`,
    ...block.paragraphs.map(escapeMarkdown),
    ...block.tables.map(tableMarkdown),
  ]);
  return `${[`# ${escapeMarkdown(shorten(title, 200))}`, escapeMarkdown(lead), ...parts].join('\n\n')}\n`;
}

/** A table with a bold caption above, and the number of omitted rows below. */
export function tableMarkdown({ caption, columns, rows }: Table): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => escapeMarkdown(shorten(cell, 120))).join(' | ')} |`;
  const head = [line(columns), `|${columns.map(() => ' --- |').join('')}`];
  const more = rowsLeftOut(rows).flatMap((text) => ['', text]);
  return [`**${escapeMarkdown(caption)}**`, '', ...head, ...rows.slice(0, MOST_ROWS).map(line), ...more].join('\n');
}
