/** @file Writes a report: one self-contained HTML page, markdown, JSON, or a table for a terminal. */
import type { Battle } from '../battle.js';
import { EvaluationInputError } from '../error.js';
import type { Example, Report } from '../report/report.js';
import { escapeHtml, numberFigure, percent, percentFigure, shorten } from '../text.js';
import { pageHtml, pageMarkdown } from './page.js';
import { reportBlocks } from './sections.js';

/** Texts of an HTML report beside its numbers. The other formats ignore them. */
export interface RenderOptions {
  /** Battles with the texts for the worst and the least certain predictions. */
  battles?: readonly Battle[];
}

/** Characters shown of a prompt and of each answer. */
const TEXT_CHARACTERS = 2500;

/**
 * @returns HTML: no scripts, no network, foreign text escaped, below 3 MB. Markdown: tables without charts. JSON: the
 * report.
 * @example
 * const html = renderReport(report, 'html', { battles });
 */
export function renderReport(
  report: Report,
  format: 'html' | 'markdown' | 'json',
  options: RenderOptions = {},
): string {
  if (format === 'json') return `${JSON.stringify(report, null, 2)}\n`;
  const page = { title: report.title, lead: report.verdict, blocks: reportBlocks(report) };
  if (format === 'markdown') return pageMarkdown(page);
  if (format === 'html') {
    return pageHtml(page, { title: 'Battles to look at', html: htmlExamples(report, options.battles ?? []) });
  }
  throw new EvaluationInputError(
    'argument',
    `format is ${JSON.stringify(format)}; expected 'html', 'markdown' or 'json'`,
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
