/** @file The parts of a report that are tables: scores, comparisons, order of the answers, method. */

import type { Report } from '../report/report.js';
import type { StyleSection } from '../report/style.js';
import { eceNote, numberFigure, percent, percentFigure, pointsFigure, pValue } from '../text.js';
import { calibrationBlock, leaderboardBlock, lengthBlock, riskCoverageBlock, sliceBlock } from './chart-sections.js';
import type { Block } from './page.js';

/** All parts of a report except the battles. */
export function reportBlocks(report: Report): Block[] {
  return [
    summary(report),
    comparisons(report),
    lengthBlock(report),
    ...(report.style ? [styleBlock(report.style)] : []),
    calibrationBlock(report),
    riskCoverageBlock(report),
    ...(report.swap ? [swap(report)] : []),
    sliceBlock(report),
    ...(report.leaderboard ? [leaderboardBlock(report)] : []),
    method(report),
  ];
}

function summary({ predictors, data, notes }: Report): Block {
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
        `${data.wonByB} (${share(data.wonByB)}). 95 % intervals in brackets. ${eceNote(15)}`,
      ...notes,
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

function styleBlock({ rows }: StyleSection): Block {
  return {
    title: 'How much is style, how much is content',
    paragraphs: [
      'Style is the form of an answer: its length, lines, lists, headers, bold and code. Where people preferred the shorter ' +
        'answer, style alone is mostly wrong: being right there takes content.',
    ],
    tables: [
      {
        caption: 'Accuracy of the parts of the judge, on the same battles',
        columns: ['Predictor', 'All battles', 'The shorter answer won', 'The longer answer won'],
        rows: rows.map(({ name, accuracy, accuracyWhereShorterWon, accuracyWhereLongerWon }) => [
          name,
          percentFigure(accuracy),
          percentFigure(accuracyWhereShorterWon),
          percentFigure(accuracyWhereLongerWon),
        ]),
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

function method({ settings, data, predictors }: Report): Block {
  const split = (n: number | null) => (n === null ? 'none' : `${n} battles`);
  return {
    title: 'How this was made',
    paragraphs: [
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
