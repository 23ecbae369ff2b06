/** @file What a report shows, in order, free of any format: paragraphs, tables, charts. */
import type { Figure } from './bootstrap.js';
import type { Report } from './report.js';
import { type Axis, chartSvg, niceAxis, rangesSvg, type Series } from './svg.js';
import { number, numberFigure, percent, percentFigure, pointsFigure, pValue } from './text.js';

export interface Table {
  caption: string;
  columns: string[];
  /** Plain text, not escaped; the first cell heads the row. */
  rows: string[][];
}

export interface Block {
  title: string;
  paragraphs: string[];
  tables: Table[];
  /** SVG elements. */
  charts: string[];
}

/** All parts of a report but the battles. */
export function reportBlocks(report: Report): Block[] {
  return [
    summary(report),
    comparisons(report),
    lengthBlock(report),
    calibration(report),
    riskCoverage(report),
    ...(report.swap ? [swap(report)] : []),
    slices(report),
    ...(report.leaderboard ? [leaderboard(report)] : []),
    method(report),
  ];
}

function summary({ predictors, data }: Report): Block {
  const row = ({ name, accuracy, logLoss, brier, auc, ece }: Report['predictors'][number]) => [
    name,
    percentFigure(accuracy),
    numberFigure(logLoss),
    numberFigure(brier),
    numberFigure(auc),
    numberFigure(ece),
  ];
  const share = (k: number) => percent(data.n ? k / data.n : null);
  return {
    title: 'Scores',
    paragraphs: [
      `${data.n} battles over ${data.prompts} different prompts; A won ${data.wonByA} (${share(data.wonByA)}), B won ` +
        `${data.wonByB} (${share(data.wonByB)}). 95 % intervals in brackets. ECE has 15 bins of equal width.`,
    ],
    tables: [
      {
        caption: 'The model beside baselines, on the same battles',
        columns: ['Predictor', 'Accuracy', 'Log loss', 'Brier score', 'ROC AUC', 'ECE'],
        rows: predictors.map(row),
      },
    ],
    charts: [],
  };
}

function comparisons({ comparisons: list }: Report): Block {
  return {
    title: 'Is the difference real?',
    paragraphs: [
      'Differences are of the model less the other, on the same bootstrap draws of prompts: an interval that holds 0 is no ' +
        'clear difference. McNemar’s exact test looks only at the battles where one is right and the other is wrong, and ' +
        'takes battles as independent.',
    ],
    tables: [
      {
        caption: 'The model against each other predictor',
        columns: ['Against', 'Accuracy, points', 'Log loss', 'Only model right', 'Only other right', 'McNemar p'],
        rows: list.map(({ second, accuracyDifference, logLossDifference, mcnemar }) => [
          second,
          pointsFigure(accuracyDifference),
          numberFigure(logLossDifference),
          String(mcnemar.b),
          String(mcnemar.c),
          pValue(mcnemar.exactP),
        ]),
      },
    ],
    charts: [],
  };
}

function lengthBlock({ length }: Report): Block {
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

function calibration({ calibration: section, data }: Report): Block {
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

function riskCoverage({ riskCoverage: { points, area } }: Report): Block {
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

function swap({ swap: section }: Report): Block {
  const { n, consistency, firstPositionRate, meanGap, accuracySwapped, accuracyAveraged } = section!;
  return {
    title: 'Order of the answers',
    paragraphs: ['Each battle was predicted twice, shown as A, B and as B, A.'],
    tables: [
      {
        caption: `Both orders, ${n} battles`,
        columns: ['Figure', 'Value'],
        rows: [
          ['Same verdict in both orders', percentFigure(consistency)],
          ['Picks the answer shown first (50 % is even-handed)', percentFigure(firstPositionRate)],
          ['Mean difference of P(A) between the orders', numberFigure(meanGap)],
          ['Accuracy in the other order', percentFigure(accuracySwapped)],
          ['Accuracy of the mean of both orders', percentFigure(accuracyAveraged)],
        ],
      },
    ],
    charts: [],
  };
}

function slices({ slices: section, predictors }: Report): Block {
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

function leaderboard({ leaderboard: section }: Report): Block {
  const { models, spearman, kendall, note, finite, n } = section!;
  const ends = models.flatMap(({ people, predicted }) =>
    [people.value, people.low, people.high, predicted.value, predicted.low, predicted.high].filter(
      (end) => end !== null,
    ),
  );
  const axis = (label: string) => niceAxis(ends, label, (value) => value.toFixed(0));
  const rating = (figure: Figure) => numberFigure(figure, 0);
  return {
    title: 'Leaderboard',
    paragraphs: [
      `${n} battles between named models. ${note}`,
      ...(finite
        ? []
        : ['Votes alone do not fix every gap (a model or group never lost or never won): the ridge does.']),
      `Agreement of the two rankings: Spearman ${numberFigure(spearman)}, Kendall ${numberFigure(kendall)}.`,
    ],
    tables: [
      {
        caption: 'Ratings from people’s and from predicted votes',
        columns: ['Model', 'Battles', 'People', 'Predicted', 'People, style controlled'],
        rows: models.map(({ name, battles, people, predicted, styleControlled }) => [
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

function method({ settings, notes, data, predictors }: Report): Block {
  const split = (n: number | null) => (n === null ? 'none' : `${n} battles`);
  return {
    title: 'How this was made',
    paragraphs: [
      ...notes,
      ...predictors
        .slice(1)
        .map(({ name, description, fittedOn }) => `${name}: ${description}. Fitted on: ${fittedOn}.`),
      `Intervals: ${settings.bootstrapRounds} bootstrap rounds over prompts (all battles of a drawn prompt come with it), ` +
        `2.5 and 97.5 percentiles, seed ${settings.seed}. Shares over fewer than 20 prompts, and shares of 0 or 1, have ` +
        'Wilson’s interval with the number of prompts as n.',
      'Accuracy: A is picked when P(A) >= 1/2. Log loss: natural, probabilities clipped to 1e-15. Temperature divides the logit.',
      `Ties: ${settings.ties === 'drop' ? 'left out' : 'half a win for each side'} (${data.ties}). Training split: ` +
        `${split(data.train)}. Validation split: ${split(data.validation)}.` +
        (data.promptsSeenInTraining === null
          ? ''
          : ` Battles whose prompt is also in the training split: ${data.promptsSeenInTraining}.`),
    ],
    tables: [],
    charts: [],
  };
}

function shareAxis(label: string, from = 0): Axis {
  const steps = from > 0 ? Math.round((1 - from) * 10) : 5;
  const ticks = Array.from({ length: steps + 1 }, (_, i) => from + (i * (1 - from)) / steps);
  return { from, to: 1, ticks, label, format: (value) => `${Math.round(100 * value)} %` };
}
