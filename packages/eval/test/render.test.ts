import { type Battle, evaluate, renderReport } from '@arena/eval';
import { pageHtml, pageMarkdown } from '@arena/eval/page';
import { summaryTable } from '@arena/eval/report';
import { expect, test } from 'vitest';
import { predict, randomBattles } from './battles.js';

const rounds = { bootstrapRounds: 100 };
const battles = randomBattles(120, 31);
const train = randomBattles(80, 32, 'train');
const predictions = predict(battles, 33);
const report = evaluate(
  predictions.map((item) => ({ ...item, probabilityASwapped: item.probabilityA / 2 })),
  battles,
  { ...rounds, train, validation: { battles: train, predictions: predict(train, 34) }, title: 'Run <1>' },
);

test('HTML is one page of well-nested elements that loads nothing', () => {
  const html = renderReport(report, 'html', { battles });
  expect(html).toContain('<title>Run &#60;1&#62;</title>');
  expect(html).not.toMatch(/<script|<link|<iframe|<img|@import|url\(|\son\w+=|javascript:/i);
  expect(html).not.toMatch(/https?:/);
  expect(html).not.toMatch(/NaN|undefined|Infinity|\bnull\b/);
  expect(html).toContain('prefers-color-scheme: dark');
  expect(html).toContain('@media print');
  const open: string[] = [];
  for (const [, close, name, selfClosed] of html.matchAll(/<(\/?)([a-zA-Z][\w]*)[^>]*?(\/?)>/g)) {
    if (selfClosed || ['meta', 'br', 'wbr'].includes(name)) continue;
    if (close) expect(open.pop()).toBe(name);
    else open.push(name);
  }
  expect(open).toEqual([]);
  for (const table of html.match(/<table>[\s\S]*?<\/table>/g)!) {
    expect(table).toContain('<caption>');
    expect(table).toContain('<th scope="col">');
    expect(table).toContain('<th scope="row">');
  }
  for (const svg of html.match(/<svg[\s\S]*?<\/svg>/g)!) expect(svg).toMatch(/role="img" aria-label="[^"]+"><title>/);
  const anchors = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  for (const id of anchors) expect(html).toContain(`id="${id}"`);
});

test('foreign text cannot become markup', () => {
  const evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>\'`|**x**\u202e\u0000\ud800</pre></details>';
  const hostile = battles.map(
    (item): Battle => ({
      ...item,
      id: `${item.id}${evil}`,
      prompt: [...item.prompt, evil],
      responseA: [evil],
      responseB: [`${evil}${'&'.repeat(1_000_000)}`],
      modelA: `a${evil}`,
      modelB: `b${evil}`,
      language: `${item.language}${evil}`,
    }),
  );
  const renamed = predictions.map((item) => ({ ...item, id: `${item.id}${evil}` }));
  const got = evaluate(renamed, hostile, { ...rounds, title: evil });
  const html = renderReport(got, 'html', { battles: hostile });
  expect(html).not.toMatch(/<script|<img|onerror=alert\(1\)>|\p{Cs}|[^\P{Cc}\n]/u);
  expect(html).toContain('&#34;&#62;&#60;img src=x onerror=alert(1)&#62;&#60;script&#62;');
  expect(html.split('</pre>').length).toBe(html.split('<pre').length);
  expect(html.length).toBeLessThan(3_000_000);
  const markdown = renderReport(got, 'markdown');
  expect(markdown).not.toMatch(/<script|<img/);
  for (const line of markdown.split('\n').filter((text) => text.startsWith('| '))) {
    expect(line.replaceAll(/\\./g, '').split('|').length).toBeGreaterThan(3);
  }
});

test('foreign text in markdown is no link, no table cell and no entity', () => {
  const title = '[a](javascript:b) ![i](x) [d]: y <b> a|b & #1';
  const line = renderReport({ ...report, title }, 'markdown').split('\n')[0];
  expect(line).toBe('# [a\\](javascript:b) ![i\\](x) [d\\]: y &#60;b&#62; a\\|b &#38; \\#1');
});

test.each([
  [200, undefined],
  [201, '1 more row is not shown here.'],
  [1400, '1,200 more rows are not shown here.'],
])('a table of %i rows says what it leaves out', (n, said) => {
  const rows = Array.from({ length: n }, (_, i) => [`row ${i}`, '1']);
  const table = { caption: 'Long', columns: ['', 'Value'], rows };
  const page = { title: 'T', lead: 'L', blocks: [{ title: 'B', paragraphs: [], tables: [table], charts: [] }] };
  for (const text of [pageHtml(page), pageMarkdown(page)]) {
    expect(text).toContain('row 199');
    expect(text).not.toContain('row 200');
    if (said) expect(text).toContain(said);
    else expect(text).not.toContain('not shown');
  }
});

test('markdown and JSON hold the same figures', () => {
  const markdown = renderReport(report, 'markdown');
  const accuracy = `${(100 * report.predictors[0].accuracy.value!).toFixed(1)} %`;
  expect(markdown).toContain(`| model | ${accuracy}`);
  expect(markdown).toContain('## Calibration');
  expect(JSON.parse(renderReport(report, 'json'))).toEqual(report);
  expect(() => renderReport(report, 'pdf' as 'html')).toThrow(/expected 'html', 'markdown' or 'json'/);
});

test('the table for a terminal has columns of fixed width, the model beside each baseline', () => {
  const lines = summaryTable(report).split('\n');
  expect(lines[0]).toBe(`120 battles, ${report.data.prompts} prompts, 95 % intervals in brackets`);
  const rows = lines.slice(1, 8);
  expect(rows.slice(1).map((row) => row.split('  ')[0])).toEqual([
    'model',
    'model, both orders',
    'always-longer',
    'majority',
    'style',
    'tf-idf',
  ]);
  const column = rows[0].indexOf('accuracy');
  for (const row of rows.slice(1)) expect(row.slice(column)).toMatch(/^\d+\.\d % \[\d+\.\d, \d+\.\d\]/);
  expect(lines.at(-1)).toBe(report.verdict);
});

test('reports of nothing render', () => {
  const empty = evaluate([], [], rounds);
  for (const format of ['html', 'markdown'] as const)
    expect(renderReport(empty, format)).not.toMatch(/NaN|undefined|Infinity/);
  expect(summaryTable(empty)).toContain('nothing to evaluate');
});
