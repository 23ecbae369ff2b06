/** @file The parts of a report that have charts: length, calibration, risk-coverage, slices, leaderboard. */
import type { Figure } from '../bootstrap/bootstrap.js';
import type { Report } from '../report/report.js';
import { number, numberFigure, percent, percentFigure } from '../text.js';
import type { Block } from './page.js';
import { chartSvg, niceAxis, rangesSvg, type Series, shareAxis } from './svg.js';

export function lengthBlock({ length }: Report): Block {
  const gaps = length.gaps.map(({ from, to }) => `${100 * from}–${100 * to} %`);
  const lowest = Math.min(
    0.5,
    ...length.gaps.flatMap(({ accuracy, alwaysLonger }) => [accuracy.low ?? 1, alwaysLonger.low ?? 1]),
  );
  const named: [string, Figure][] = [
    ['People prefer the longer answer', length.peoplePickLonger],
    ['The model picks the longer answer', length.modelPicksLonger],
    ['Model right where people preferred the longer', length.accuracyWhereLongerWon],
    ['Model right where people preferred the shorter', length.accuracyWhereShorterWon],
  ];
  const series = (
    name: string,
    colour: 'a' | 'b',
    shift: number,
    pick: (gap: (typeof length.gaps)[number]) => Figure,
  ): Series => ({
    name,
    colour,
    marks: length.gaps.flatMap((gap, k) => {
      const { value, low, high } = pick(gap);
      return value === null ? [] : [{ x: k + shift, y: value, low, high }];
    }),
  });
  return {
    title: 'Length',
    paragraphs: ['Length is counted in characters. The gap is one less the shorter answer’s share of the longer.'],
    tables: [
      {
        caption: 'Does the verdict follow length?',
        columns: ['Share of battles', 'Value', 'n'],
        rows: named.map(([name, figure]) => [name, percentFigure(figure), String(figure.n)]),
      },
      {
        caption: 'By length gap',
        columns: ['Gap', 'n', 'Model', 'Always longer', 'People prefer longer'],
        rows: length.gaps.map(({ accuracy, alwaysLonger, peoplePickLonger }, k) => [
          gaps[k],
          String(accuracy.n),
          percentFigure(accuracy),
          percentFigure(alwaysLonger),
          percentFigure(peoplePickLonger),
        ]),
      },
    ],
    charts: [
      chartSvg({
        title: 'Accuracy by length gap, model and always-longer',
        x: {
          from: -0.5,
          to: gaps.length - 0.5,
          ticks: gaps.map((_, k) => k),
          label: 'length gap',
          format: (k) => gaps[k],
        },
        y: shareAxis('accuracy', Math.floor(lowest * 10) / 10),
        series: [
          series('model', 'a', -0.08, (gap) => gap.accuracy),
          series('always longer', 'b', 0.08, (gap) => gap.alwaysLonger),
        ],
        guide: { from: { x: -0.5, y: 0.5 }, to: { x: gaps.length - 0.5, y: 0.5 } },
      }),
    ],
  };
}

export function calibrationBlock({ calibration: section, data }: Report): Block {
  const { temperature, before, after } = section;
  const scores = (name: string, { logLoss, brier, ece }: typeof before) => [
    name,
    number(logLoss),
    number(brier),
    number(ece),
  ];
  const largest = Math.max(1, ...section.reliability.map(({ n }) => n));
  return {
    title: 'Calibration',
    paragraphs: [
      temperature
        ? `Temperature ${temperature.temperature.toFixed(3)}, fitted on the ${temperature.validationN} battles of the ` +
          `validation split only (log loss there ${temperature.nllBefore.toFixed(3)} before, ` +
          `${temperature.nllAfter.toFixed(3)} after)${temperature.atBound ? '; the search ended at its bound' : ''}. ` +
          'Above 1 means overconfident.'
        : 'No temperature: it would have to be fitted on a validation split, and none was given.',
      `ECE of the picked answer’s confidence (top label, ${section.bins} bins): ${number(section.eceTopLabel)}. In the chart ` +
        'larger points hold more battles.',
    ],
    tables: [
      {
        caption: `Before and after temperature, ${data.n} battles`,
        columns: ['', 'Log loss', 'Brier score', 'ECE'],
        rows: [scores('As predicted', before), ...(after ? [scores('After temperature', after)] : [])],
      },
      {
        caption: 'Reliability',
        columns: ['P(A) in', 'n', 'Mean P(A)', 'A won'],
        rows: section.reliability.map(({ bin, n, meanProbability, rate }) => [
          `${(bin / section.bins).toFixed(2)}–${((bin + 1) / section.bins).toFixed(2)}`,
          String(n),
          percent(meanProbability),
          percent(rate),
        ]),
      },
    ],
    charts: [
      chartSvg({
        title: 'Reliability: share of battles that A won by predicted probability',
        x: shareAxis('predicted P(A)', 0),
        y: shareAxis('A won'),
        series: section.reliability.map(({ n, meanProbability, rate }) => ({
          name: '',
          colour: 'a',
          radius: 2 + 6 * Math.sqrt(n / largest),
          marks: [{ x: meanProbability, y: rate }],
        })),
        guide: { from: { x: 0, y: 0 }, to: { x: 1, y: 1 } },
      }),
    ],
  };
}

export function riskCoverageBlock({ riskCoverage: { points, area } }: Report): Block {
  const lowest = Math.min(0.5, ...points.map(({ low }) => low));
  return {
    title: 'Answering only when certain',
    paragraphs: [
      'Accuracy on the share of battles where the model is most certain. Intervals are Wilson’s and take battles as ' +
        `independent. Mean error over all coverages: ${number(area)}.`,
    ],
    tables: [
      {
        caption: 'Accuracy by coverage',
        columns: ['Coverage', 'n', 'Accuracy'],
        rows: points
          .filter((_, i) => i % 2 === 1)
          .map(({ coverage, n, accuracy, low, high }) => [
            `${Math.round(100 * coverage)} %`,
            String(n),
            percentFigure({ value: accuracy, low, high, n, interval: 'wilson' }),
          ]),
      },
    ],
    charts: [
      chartSvg({
        title: 'Accuracy by coverage',
        x: shareAxis('coverage'),
        y: shareAxis('accuracy', Math.floor(lowest * 10) / 10),
        series: [
          {
            name: 'model',
            colour: 'a',
            line: true,
            radius: 0,
            marks: points.map(({ coverage, accuracy, low, high }) => ({ x: coverage, y: accuracy, low, high })),
          },
        ],
      }),
    ],
  };
}

export function sliceBlock({ slices: section, predictors }: Report): Block {
  const overall = predictors[0].accuracy.value;
  return {
    title: 'Kinds of battles',
    paragraphs: section.count ? [section.note] : ['The battles are all of one kind: nothing to divide them by.'],
    tables: section.dimensions.map(({ name, slices: list }) => ({
      caption: `By ${name}`,
      columns: [name, 'n', 'Prompts', 'Model', 'Always longer', 'Differs'],
      rows: list.map(({ value, prompts, accuracy, alwaysLonger, differs }) => [
        value,
        String(accuracy.n),
        String(prompts),
        percentFigure(accuracy),
        percentFigure(alwaysLonger),
        differs ? 'yes' : '',
      ]),
    })),
    charts: section.dimensions.map(({ name, slices: list }) =>
      rangesSvg(
        `Accuracy by ${name}`,
        list.map(({ value, accuracy, differs }) => ({ ...accuracy, name: value, marked: differs })),
        shareAxis(`accuracy by ${name}; dashed: all battles`),
        overall,
      ),
    ),
  };
}

/** "x, y and 3 others": names of models. */
function listed(names: string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} others` : shown;
}

export function leaderboardBlock({ leaderboard: section }: Report): Block {
  const { models, spearman, kendall, groups, note, n } = section!;
  const ends = models.flatMap(({ people, predicted }) =>
    [people.value, people.low, people.high, predicted.value, predicted.low, predicted.high].filter(
      (end) => end !== null,
    ),
  );
  const axis = (label: string) => niceAxis(ends, label, (value) => value.toFixed(0));
  const rating = (figure: Figure) => numberFigure(figure, 0);
  const open = models.flatMap(({ name, open }) => (open ? [name] : []));
  return {
    title: 'Leaderboard',
    paragraphs: [
      `${n} battles between named models. ${note}`,
      ...(groups > 1
        ? [
            `The models are ${groups} groups that never met: each has a mean of 1000, and ratings of two groups cannot be held against each other.`,
          ]
        : []),
      ...(open.length
        ? [`Votes leave the rating of ${listed(open)} open (never lost, or never won): the ridge sets it.`]
        : []),
      ...(groups > 1
        ? []
        : [`Agreement of the two rankings: Spearman ${numberFigure(spearman)}, Kendall ${numberFigure(kendall)}.`]),
    ],
    tables: [
      {
        caption: 'Ratings from people’s and from predicted votes',
        columns: [
          ...(groups > 1 ? ['Group'] : []),
          'Model',
          'Battles',
          'People',
          'Predicted',
          'People, style controlled',
        ],
        rows: models.map(({ group, name, battles, people, predicted, styleControlled }) => [
          ...(groups > 1 ? [String(group)] : []),
          name,
          String(battles),
          rating(people),
          rating(predicted),
          styleControlled.toFixed(0),
        ]),
      },
    ],
    charts: [
      chartSvg({
        title: 'Predicted rating by people’s rating, with 95 % intervals of the predicted',
        x: axis('rating from people’s votes'),
        y: axis('rating from predicted votes'),
        series: [
          {
            name: '',
            colour: 'a',
            marks: models.map(({ people, predicted }) => ({
              x: people.value!,
              y: predicted.value!,
              low: predicted.low,
              high: predicted.high,
            })),
          },
        ],
        guide: { from: { x: axis('').from, y: axis('').from }, to: { x: axis('').to, y: axis('').to } },
      }),
    ],
  };
}
