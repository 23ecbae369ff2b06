/** @file The tables of docs/benchmarks/real-votes.md, from the lines of the .jsonl. What stands outside of the markers stays. */
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { readLines } from './figures.mjs';
import { chosenOf, TEACHER } from './runs.mjs';

const BEGIN = '<!-- tables of bench/real-votes.mjs -->';
const END = '<!-- end of the tables -->';

const NAMES = {
  'baseline-longer': '"the longer answer wins"',
  'baseline-style': 'style terms, logistic',
  'baseline-words': 'bag of words (tf-idf), logistic',
  'baseline-letters': 'the base as it is: letter A or B',
};

/** Writes the tables into the page between its markers. @throws Error when the page lacks them. */
export async function writeTables(kept, page) {
  const rows = await readLines(kept);
  const text = existsSync(page) ? await readFile(page, 'utf8') : '';
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${page}: the lines ${BEGIN} and ${END} are expected`);
  const whole = `${text.slice(0, begin)}${BEGIN}\n\n${tables(rows)}\n\n${text.slice(end)}`;
  await writeFile(`${page}.part`, whole);
  await rename(`${page}.part`, page);
}

function tables(rows) {
  const full = rows.filter(({ share = 1 }) => share === 1).toSorted((a, b) => a.stage - b.stage);
  const parts = [
    section(
      'Chosen on the validation part',
      'No run has ended yet.',
      stageOne(full.filter(({ stage, who }) => stage === 1 && who === 'arena')),
    ),
    section('The test part', 'No run has ended yet.', testTable(full)),
    section('The judge with style', 'No run has ended yet.', styleTable(full)),
    section('Three seeds', 'No recipe has several seeds yet.', seedTable(full)),
    section('By source and language', 'No run has ended yet.', sliceTable(rows)),
    section('Fewer votes', 'No run with fewer votes has ended yet.', curveTable(rows)),
    section('Smaller judges', 'No smaller judge has ended yet.', smallerTable(full)),
    section('Two judges in turn', 'No smaller judge has ended yet.', cascadeTable(full)),
    section('Time and memory', 'No run has ended yet.', costTable(full)),
  ];
  return parts.join('\n\n');
}

function section(title, empty, lines) {
  return `### ${title}\n\n${lines.length > 2 ? lines.join('\n') : empty}`;
}

function stageOne(rows) {
  const chosen = new Set(chosenOf(rows));
  const sorted = rows.toSorted((a, b) => a.validation.logLoss[0] - b.validation.logLoss[0]);
  return table(
    ['run', 'validation log loss', 'accuracy', 'best step of'],
    sorted.map((row) => [
      chosen.has(row.name) ? `**${row.name}**` : row.name,
      interval(row.validation.logLoss),
      interval(row.validation.accuracy),
      `${row.bestStep ?? 'last'} of ${row.steps}`,
    ]),
  );
}

function testTable(rows) {
  return table(
    [
      'run',
      'seed',
      'accuracy',
      'log loss',
      'with temperature',
      'ECE',
      'ECE with temperature',
      'where the shorter won',
      'same verdict in both orders',
    ],
    rows.flatMap((row) => {
      const { test, bothOrders, who, name } = row;
      const label = NAMES[row.key] ?? `${who === 'peft' ? 'PEFT' : 'Arena'} ${name}`;
      const rest = [share(test.whereShorterWon?.[0]), share(test.swap?.consistency[0])];
      const own = [
        label,
        row.seed ?? '',
        interval(test.accuracy),
        interval(test.logLoss),
        number(test.tempered?.logLoss),
        number(test.ece[0]),
        number(test.tempered?.ece),
        ...rest,
      ];
      if (!bothOrders) return [own];
      const mean = bothOrders.test;
      return [
        own,
        [
          `${label}, mean of both orders`,
          row.seed ?? '',
          interval(mean.accuracy),
          interval(mean.logLoss),
          '',
          number(mean.ece[0]),
          '',
          '',
          '',
        ],
      ];
    }),
  );
}

/** What arena.json makes of margin and style, on the test part. */
function styleTable(rows) {
  return table(
    ['run', 'seed', 'kept', 'a x margin', 'b x style', 'accuracy', 'log loss', 'ECE', 'log loss of both'],
    rows
      .filter(({ style }) => style)
      .map(({ name, seed, style: { kept, a, b, test, both } }) => [
        `Arena ${name}`,
        seed,
        kept,
        number(a),
        number(b),
        interval(test.accuracy),
        interval(test.logLoss),
        number(test.ece[0]),
        both ? interval(both.logLoss) : '',
      ]),
  );
}

function seedTable(rows) {
  const groups = new Map();
  for (const row of rows.filter(({ who }) => who !== 'baseline')) {
    const key = `${row.who === 'peft' ? 'PEFT' : 'Arena'} ${row.name}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const several = [...groups].filter(([, own]) => own.length > 1);
  return table(
    ['recipe', 'seeds', 'validation log loss', 'test accuracy', 'test log loss', 'with temperature', 'ECE'],
    several.map(([name, own]) => [
      name,
      own.map(({ seed }) => seed).join(', '),
      ...[
        (row) => row.validation.logLoss[0],
        (row) => row.test.accuracy[0],
        (row) => row.test.logLoss[0],
        (row) => row.test.tempered.logLoss,
        (row) => row.test.ece[0],
      ].map((read) => spread(own.map(read))),
    ]),
  );
}

/** The first seed of the chosen recipes beside the baselines. */
function sliceTable(rows) {
  const chosen = chosenOf(rows);
  const keys = [
    'baseline-letters',
    ...['arena', 'peft'].flatMap((who) => [...new Set([...chosen, 'bt-all'])].map((name) => `${who}-${name}-s42`)),
  ];
  const shown = keys.flatMap((key) => rows.find((row) => row.key === key) ?? []);
  if (!shown.length) return [];
  const kinds = ['bySource', 'byLanguage'];
  const head = [
    'battles',
    'n',
    'longer wins',
    ...shown.map(({ key, who, name }) => NAMES[key] ?? `${who === 'peft' ? 'PEFT' : 'Arena'} ${name}`),
  ];
  const body = kinds.flatMap((kind) =>
    Object.entries(shown[0][kind]).map(([value, { n, longer }]) => [
      value,
      n,
      share(longer),
      ...shown.map((row) => share(row[kind][value]?.accuracy)),
    ]),
  );
  return table(head, body);
}

function curveTable(rows) {
  const names = [...new Set(rows.filter(({ share: part = 1 }) => part < 1).map(({ name }) => name))];
  const own = rows.filter(({ name, who, seed }) => who === 'arena' && seed === 42 && names.includes(name));
  const sorted = own.toSorted((a, b) => (a.name === b.name ? a.share - b.share : a.name < b.name ? -1 : 1));
  return table(
    ['recipe', 'training votes', 'validation log loss', 'test accuracy', 'test log loss', 'with temperature'],
    sorted.map(({ name, trainBattles, validation, test }) => [
      name,
      trainBattles,
      number(validation.logLoss[0]),
      interval(test.accuracy),
      interval(test.logLoss),
      number(test.tempered?.logLoss),
    ]),
  );
}

/** The lower layers alone, and the whole model above them. */
function smallerTable(rows) {
  const own = rows.filter(({ settings }) => settings?.layers);
  if (!own.length) return [];
  const whole = rows.find(({ key }) => key === TEACHER);
  return table(
    [
      'run',
      'layers',
      'validation log loss',
      'test accuracy',
      'test log loss',
      'with temperature',
      'tokens/s in training',
    ],
    [...(whole ? [whole] : []), ...own].map(({ name, settings, validation, test, tokensPerSecond }) => [
      name,
      settings.layers ?? 'all',
      number(validation.logLoss[0]),
      interval(test.accuracy),
      interval(test.logLoss),
      number(test.tempered?.logLoss),
      tokensPerSecond,
    ]),
  );
}

/** Accuracy and log loss where the whole model is asked about the least certain share of a smaller one's battles. */
function cascadeTable(rows) {
  const own = rows.filter(({ cascade }) => cascade);
  const shown = [0, 0.2, 0.5, 0.8, 1];
  return table(
    ['first asked', ...shown.map((part) => `${100 * part} % asked again`)],
    own.map(({ name, cascade }) => [
      name,
      ...shown.map((part) => {
        const near = cascade.reduce((a, b) => (Math.abs(b[0] - part) < Math.abs(a[0] - part) ? b : a));
        return `${number(near[2])}, ${number(near[3])}`;
      }),
    ]),
  );
}

function costTable(rows) {
  return table(
    ['run', 'seed', 'steps', 'minutes', 'tokens/s in training', 'peak MB', 'engine', 'load at the end'],
    rows
      .filter(({ seconds }) => seconds !== undefined)
      .map(({ who, name, seed, steps, seconds, tokensPerSecond, peakMB, versions, engineFlags = [], machine }) => [
        `${who === 'peft' ? 'PEFT' : 'Arena'} ${name}`,
        seed,
        steps,
        Math.round(seconds / 60),
        tokensPerSecond,
        peakMB,
        who === 'peft'
          ? `torch ${versions.torch}, bfloat16`
          : ['wasm', `node ${versions.node}`, ...engineFlags].join(' '),
        machine.loadAtEnd,
      ]),
  );
}

/** Columns of equal width, as the formatter writes them. */
function table(head, body) {
  const rows = [head, ...body].map((cells) => cells.map(String));
  const widths = head.map((_, k) => Math.max(3, ...rows.map((cells) => cells[k].length)));
  const line = (cells) => `| ${cells.map((cell, k) => cell.padEnd(widths[k])).join(' | ')} |`;
  return [line(rows[0]), line(widths.map((width) => '-'.repeat(width))), ...rows.slice(1).map(line)];
}

function interval([value, low, high]) {
  if (value === null) return '';
  return low === null ? number(value) : `${number(value)} [${number(low)}, ${number(high)}]`;
}

/** Mean and range. */
function spread(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return `${number(mean)} (${number(Math.min(...values))} to ${number(Math.max(...values))})`;
}

function number(value) {
  return typeof value === 'number' ? value.toFixed(3) : '';
}

function share(value) {
  return number(value);
}
