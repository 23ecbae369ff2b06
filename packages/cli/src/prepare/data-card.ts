/** @file The data card as a page: tables and charts of card.json. */
import { basename } from 'node:path';
import type { Counts, DataCard } from '@arena/data/describe';
import { SPLIT_NAMES } from '@arena/data/split';
import { type Axis, type Block, chartSvg, type Page, pageHtml, percent, shorten } from '@arena/eval/page';
import { DROP_REASONS } from '@arena/judge/votes';
import { count, countChart, countTable, histogramChart, percentTick, shortNumber } from './data-card-charts.js';

export function dataCardHtml(card: DataCard): string {
  return pageHtml(dataCardPage(card));
}

function dataCardPage(card: DataCard): Page {
  const { all, packing, splits } = card;
  const total = SPLIT_NAMES.reduce((sum, name) => sum + splits[name].battles, 0);
  const cut = SPLIT_NAMES.reduce((sum, name) => sum + splits[name].survival.cut, 0);
  return {
    title: `Data card: ${card.sources.map((source) => basename(source)).join(', ')}`,
    lead:
      `${count(all.battles)} battles over ${count(all.prompts)} prompts are left of ${count(card.reading.battles)}. ` +
      `Always picking the longer answer is right on ${percent(all.longerWins)} of them: what a model has to beat. ` +
      `In ${count(packing.maxTokens ?? 0)} tokens ${percent(1 - cut / Math.max(1, total))} of them are whole.`,
    blocks: [
      parts(card),
      cleaning(card),
      leaks(card),
      languages(card),
      lengths(card),
      tokens(card),
      ...models(card),
      ...leftOut(card),
    ],
  };
}

function parts({ splits, all, groups, split }: DataCard): Block {
  const label = (labels: Counts, name: string) => count(labels.find((one) => one.name === name)?.count ?? 0);
  const row = (name: string, one: DataCard['all']) => [
    name,
    count(one.battles),
    count(one.prompts),
    label(one.labels, 'a'),
    label(one.labels, 'b'),
    ...(all.labels.some((other) => other.name === 'tie') ? [label(one.labels, 'tie')] : []),
    percent(one.aWins),
    percent(one.longerWins),
    one.turns.mean.toFixed(2),
  ];
  const ties = all.labels.some(({ name }) => name === 'tie') ? ['Ties'] : [];
  return {
    title: 'Parts',
    paragraphs: [
      `Split by prompt and session: ${count(groups)} groups, ratio ${split.ratio.join(' / ')}, seed ${split.seed}. “A won” far ` +
        'from 50 % would mean that the order of the answers tells something.',
    ],
    tables: [
      {
        caption: 'Battles of each part',
        columns: ['Part', 'Battles', 'Prompts', 'A', 'B', ...ties, 'A won', 'Longer won', 'Turns, mean'],
        rows: [...SPLIT_NAMES.map((name) => row(name, splits[name])), row('all', all)],
      },
    ],
    charts: [],
  };
}

function cleaning({ reading, cleaning: clean }: DataCard): Block {
  const rejected = reading.rejected.reduce((sum, one) => sum + one.count, 0);
  const rows = [
    ['Records in the files', count(reading.battles + rejected)],
    ...reading.rejected.map((one) => [`not a battle: ${one.name}`, count(one.count)]),
    ...Object.entries(clean.dropped).map(([reason, one]) => [
      `left out: ${DROP_REASONS[reason] ?? reason}`,
      count(one.count),
    ]),
    ['Kept', count(clean.kept)],
    ...(clean.changed.capped ? [['kept, cut at the longest allowed text', count(clean.changed.capped.count)]] : []),
  ];
  return {
    title: 'Cleaning',
    paragraphs: clean.conflictingLabels
      ? [
          `${count(clean.conflictingLabels)} copies have another vote than the first of them: people do not agree with themselves.`,
        ]
      : [],
    tables: [{ caption: 'From records to battles', columns: ['', 'Count'], rows }],
    charts: [],
  };
}

function leaks({ leaks: found }: DataCard): Block {
  const near = found.nearDuplicates;
  return {
    title: 'Leaks between the parts',
    paragraphs: [
      near
        ? `${count(near)} pairs of prompts in different parts are almost the same (5-letter pieces, similarity of 0.8 or more).`
        : 'No prompt of one part nearly repeats one of another.',
    ],
    tables: [
      {
        caption: 'What is in more than one part',
        columns: ['', 'Count'],
        rows: [
          ['Prompts, letter for letter', count(found.exactPrompts)],
          ['Prompts, case and white space aside', count(found.normalizedPrompts)],
          ['Sessions', count(found.sessions)],
          ['Nearly the same prompts', near === null ? 'not looked for' : count(near)],
        ],
      },
      ...(found.examples.length
        ? [
            {
              caption: 'Nearly the same',
              columns: ['Battle', 'Part', 'Battle', 'Part', 'Similarity'],
              rows: found.examples.map(({ ids, parts: [first, second], similarity }) => [
                shorten(ids[0], 40),
                first,
                shorten(ids[1], 40),
                second,
                similarity.toFixed(2),
              ]),
            },
          ]
        : []),
    ],
    charts: [],
  };
}

function languages({ all }: DataCard): Block {
  const kinds: [string, Counts][] = [
    ['language, as labelled', all.languages],
    ['script of the prompt, as detected', all.detectedLanguages],
  ];
  const present = kinds.filter(([, counts]) => counts.length > 0);
  return {
    title: 'Languages',
    paragraphs: all.languages.length ? [] : ['The files label no languages.'],
    tables: present.map(([name, counts]) => countTable(`By ${name}`, counts, all.battles)),
    charts: present.map(([name, counts]) => countChart(name, counts, all.battles)),
  };
}

function lengths({ all, characters }: DataCard): Block {
  const fields = [
    ['prompt', all.characters.prompt],
    ['answer A', all.characters.responseA],
    ['answer B', all.characters.responseB],
  ] as const;
  return {
    title: 'Lengths',
    paragraphs: ['In characters (UTF-16 code units) over all turns of a battle. Bins double in width.'],
    tables: [
      {
        caption: 'Characters',
        columns: ['', 'Mean', 'Median', '90 %', '99 %', 'Longest'],
        rows: fields.map(([name, { mean, median, p90, p99, max }]) => [
          name,
          ...[mean, median, p90, p99, max].map((value) => count(Math.round(value))),
        ]),
      },
    ],
    charts: [
      histogramChart('Battles by length', 'characters', [
        ['prompt', 'c', characters.prompt],
        ['answer A', 'a', characters.responseA],
        ['answer B', 'b', characters.responseB],
      ]),
    ],
  };
}

function tokens({ splits, fits, packing }: DataCard): Block {
  const colours = { train: 'a', validation: 'c', test: 'b' } as const;
  const budget = fits.map(({ tokens: limit }, i) => ({ limit, at: i }));
  const shares: Axis = {
    from: 0,
    to: 1,
    ticks: [0, 0.25, 0.5, 0.75, 1],
    label: 'battles that fit whole',
    format: percentTick,
  };
  return {
    title: 'Tokens, and what packing keeps',
    paragraphs: [
      `Packed into at most ${count(packing.maxTokens ?? 0)} tokens, ${packing.truncation ?? 'head+tail'}; both answers are ` +
        'always in. Shares are of tokens.',
    ],
    tables: [
      {
        caption: 'What is left of the texts',
        columns: ['Part', 'Battles', 'Cut', 'Prompt', 'A', 'B', 'Rounds', 'Tokens, mean', '90 %', 'Longest'],
        rows: SPLIT_NAMES.map((name) => {
          const { battles, cut, prompt, responseA, responseB, rounds, tokens: lengthsOf } = splits[name].survival;
          return [
            name,
            count(battles),
            count(cut),
            ...[prompt, responseA, responseB, rounds].map(percent),
            ...[lengthsOf.mean, lengthsOf.p90, lengthsOf.max].map((value) => count(Math.round(value))),
          ];
        }),
      },
      {
        caption: 'Battles whose texts fit whole, frame left aside',
        columns: ['Tokens', 'Share'],
        rows: fits.map(({ tokens: limit, share }) => [count(limit), percent(share)]),
      },
    ],
    charts: [
      histogramChart(
        'Packed battles by tokens',
        'tokens',
        SPLIT_NAMES.map((name) => [name, colours[name], splits[name].tokens] as const),
      ),
      chartSvg({
        title: 'Share of battles that fit whole, by budget',
        x: {
          from: -0.3,
          to: fits.length - 0.7,
          ticks: budget.map(({ at }) => at),
          label: 'tokens of the texts',
          format: (at) => shortNumber(fits[at].tokens),
        },
        y: shares,
        series: [{ name: '', colour: 'a', line: true, marks: fits.map(({ share }, x) => ({ x, y: share })) }],
      }),
    ],
  };
}

function models({ all }: DataCard): Block[] {
  if (!all.models.length) return [];
  return [
    {
      title: 'Models',
      paragraphs: [`${count(all.models.length)} named models; each battle counts for both of its models.`],
      tables: [countTable('Battles by model', all.models, all.battles)],
      charts: [],
    },
  ];
}

function leftOut({ reading, cleaning: { dropped } }: DataCard): Block[] {
  const examples = Object.entries(dropped).flatMap(([reason, one]) =>
    one.examples.map((example) => [
      String(example.row),
      DROP_REASONS[reason] ?? reason,
      ...[example.prompt, example.responseA, example.responseB].map((text) => shorten(text.replace(/\s+/g, ' '), 48)),
    ]),
  );
  const tables = [
    ...(examples.length
      ? [{ caption: 'Battles left out', columns: ['Row', 'Why', 'Prompt', 'A', 'B'], rows: examples }]
      : []),
    ...(reading.rejectedExamples.length
      ? [
          {
            caption: 'Records that are no battles',
            columns: ['File', 'Row', 'Why'],
            rows: reading.rejectedExamples.map(({ file, row, reason, detail }) => [
              file,
              String(row),
              `${reason}: ${detail}`,
            ]),
          },
        ]
      : []),
  ];
  return tables.length
    ? [{ title: 'Left out: examples', paragraphs: ['The first few of each kind.'], tables, charts: [] }]
    : [];
}
