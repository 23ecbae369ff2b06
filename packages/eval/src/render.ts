/** @file Writes a report: one HTML page that needs nothing else, markdown, JSON, or a table for a terminal. */
import { type Battle, EvaluationInputError } from './battle.js';
import type { Example, Report } from './report.js';
import { reportBlocks, type Table } from './sections.js';
import { STYLE } from './style-sheet.js';
import { escapeHtml, escapeMarkdown, numberFigure, percent, percentFigure, shorten } from './text.js';

export interface RenderOptions {
  /** Battles whose texts are shown beside the worst and the least certain predictions. */
  battles?: readonly Battle[];
}

/** Characters shown of a prompt and of each answer. */
const TEXT_CHARACTERS = 2500;
/** Rows shown of one table in HTML and markdown; JSON has them all. */
const MOST_ROWS = 200;

/**
 * @returns HTML: no scripts, no network, foreign text escaped, below 3 MB. Markdown: tables without charts. JSON: the report.
 */
export function renderReport(
  report: Report,
  format: 'html' | 'markdown' | 'json',
  options: RenderOptions = {},
): string {
  if (format === 'json') return `${JSON.stringify(report, null, 2)}\n`;
  if (format === 'markdown') return markdown(report);
  if (format === 'html') return html(report, options);
  throw new EvaluationInputError(`format is ${JSON.stringify(format)}; expected 'html', 'markdown' or 'json'`);
}

function html(report: Report, { battles = [] }: RenderOptions): string {
  const blocks = reportBlocks(report);
  const id = (i: number) => `part-${i + 1}`;
  const titles = [...blocks.map(({ title }) => title), 'Battles to look at'];
  const nav = titles.map((title, i) => `<a href="#${id(i)}">${escapeHtml(title)}</a>`).join(' ');
  const sections = blocks.map(
    ({ title, paragraphs, tables, charts }, i) =>
      `<section id="${id(i)}"><h2>${escapeHtml(title)}</h2>` +
      paragraphs.map((text) => `<p>${escapeHtml(text)}</p>`).join('') +
      (charts.length ? `<div class="charts">${charts.join('')}</div>` : '') +
      tables.map(htmlTable).join('') +
      '</section>',
  );
  const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(shorten(report.title, 200))}</title>
<style>${STYLE}</style></head><body>
<header><h1>${escapeHtml(shorten(report.title, 200))}</h1><p class="verdict">${escapeHtml(report.verdict)}</p>
<nav aria-label="Parts of the report">${nav}</nav></header>
<main>${sections.join('\n')}
<section id="${id(blocks.length)}"><h2>Battles to look at</h2>${htmlExamples(report, battles)}</section></main>
</body></html>
`;
}

function htmlTable({ caption, columns, rows }: Table): string {
  const cells = (row: string[]) =>
    row
      .map((cell, k) => {
        const text = `<bdi>${escapeHtml(shorten(cell, 120))}</bdi>`;
        return k === 0 ? `<th scope="row">${text}</th>` : `<td>${text}</td>`;
      })
      .join('');
  const more = rows.length > MOST_ROWS ? `<p>${rows.length - MOST_ROWS} more rows are in the JSON report.</p>` : '';
  return (
    `<div class="table" tabindex="0"><table><caption>${escapeHtml(caption)}</caption><thead><tr>` +
    columns.map((column) => `<th scope="col">${escapeHtml(column)}</th>`).join('') +
    `</tr></thead><tbody>${rows
      .slice(0, MOST_ROWS)
      .map((row) => `<tr>${cells(row)}</tr>`)
      .join('')}</tbody></table></div>${more}`
  );
}

function htmlExamples({ examples }: Report, battles: readonly Battle[]): string {
  const byId = new Map(battles.map((battle) => [battle.id, battle]));
  const list = (title: string, items: readonly Example[]) =>
    `<h3>${title}</h3>${items.map((item) => htmlExample(item, byId.get(item.id))).join('') || '<p>None.</p>'}`;
  return list('Most wrong', examples.worst) + list('Least certain', examples.leastCertain);
}

function htmlExample({ id, probabilityA, winner }: Example, battle: Battle | undefined): string {
  const won = winner === 'tie' ? 'people were tied' : `people preferred ${winner.toUpperCase()}`;
  const head = `<bdi>${escapeHtml(shorten(id, 80))}</bdi>: P(A) ${percent(probabilityA)}, ${won}`;
  if (!battle) return `<p>${head}</p>`;
  const answer = (side: 'A' | 'B', turns: readonly string[], model: string | null | undefined) => {
    const marks = `${winner === side.toLowerCase() ? ', preferred' : ''}${model ? `, ${shorten(model, 80)}` : ''}`;
    return `<div><h4>Answer ${side}${escapeHtml(marks)}</h4>${htmlText(turns)}</div>`;
  };
  return (
    `<details><summary>${head}</summary><h4>Prompt</h4>${htmlText(battle.prompt)}` +
    `<div class="answers">${answer('A', battle.responseA, battle.modelA)}${answer('B', battle.responseB, battle.modelB)}</div></details>`
  );
}

function htmlText(turns: readonly string[]): string {
  const text = turns.length > 1 ? turns.map((turn, i) => `[turn ${i + 1}]\n${turn}`).join('\n\n') : (turns[0] ?? '');
  return `<pre dir="auto" tabindex="0">${escapeHtml(shorten(text, TEXT_CHARACTERS))}</pre>`;
}

function markdown(report: Report): string {
  const table = ({ caption, columns, rows }: Table) => {
    const line = (cells: string[]) => `| ${cells.map((cell) => escapeMarkdown(shorten(cell, 120))).join(' | ')} |`;
    const shown = rows.slice(0, MOST_ROWS).map(line);
    return [
      `**${escapeMarkdown(caption)}**`,
      '',
      line(columns),
      `|${columns.map(() => ' --- |').join('')}`,
      ...shown,
    ].join('\n');
  };
  const parts = reportBlocks(report).flatMap(({ title, paragraphs, tables }) => [
    `## ${escapeMarkdown(title)}`,
    ...paragraphs.map(escapeMarkdown),
    ...tables.map(table),
  ]);
  return `${[`# ${escapeMarkdown(shorten(report.title, 200))}`, escapeMarkdown(report.verdict), ...parts].join('\n\n')}\n`;
}

/** A table for a terminal: the model beside each baseline with 95 % intervals, columns of fixed width. */
export function summaryTable(report: Report): string {
  const rows = [
    ['', 'accuracy', 'log loss', 'ROC AUC', 'ECE'],
    ...report.predictors.map(({ name, accuracy, logLoss, auc, ece }) => [
      name,
      percentFigure(accuracy),
      numberFigure(logLoss),
      numberFigure(auc),
      numberFigure(ece),
    ]),
  ];
  const widths = rows[0].map((_, k) => Math.max(...rows.map((row) => row[k].length)));
  const lines = rows.map((row) =>
    row
      .map((cell, k) => cell.padEnd(widths[k]))
      .join('  ')
      .trimEnd(),
  );
  const { data } = report;
  const count = `${data.n} battles, ${data.prompts} prompts, 95 % intervals in brackets`;
  return [count, ...lines, ...report.notes.map((note) => `- ${note}`), report.verdict].join('\n');
}
