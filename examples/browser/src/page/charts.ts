/** @file The charts of a run: training loss, and accuracy on votes that training does not see. */
import { chartSvg, type Mark, niceAxis, type Series } from '@arena/eval/page';
import type { Run } from './state.js';

/** Points that a line is drawn with at most. */
const MOST = 300;

/** Loss over the steps as an `<svg>`. The axis has the whole run from the start, so that nothing jumps. */
export function lossChart({ losses, measured, totalSteps }: Run): string {
  const smooth = smoothed(losses);
  const watched = measured.map(({ step, loss }) => ({ x: step, y: loss }));
  const all = [...smooth, ...watched].map(({ y }) => y);
  if (!all.length) return '';
  return chartSvg({
    title: 'Loss: how surprised the judge is by the votes',
    x: stepAxis(totalSteps),
    y: niceAxis([...all, 0.2, 0.75], 'loss', (y) => y.toFixed(1)),
    series: [
      { name: 'votes it learns from', colour: 'a', marks: thin(smooth), line: true, radius: 0 },
      ...series('votes it does not see', 'b', watched),
    ],
  });
}

/** Accuracy on unseen votes, with "the longer answer wins" and guessing. */
export function accuracyChart({ measured, totalSteps }: Run, longer: number | null): string {
  const marks = measured.map(({ step, accuracy }) => ({ x: step, y: accuracy }));
  const flat = (y: number) => [
    { x: 0, y },
    { x: totalSteps, y },
  ];
  return chartSvg({
    title: 'Votes that the judge gets right, of those it does not see',
    x: stepAxis(totalSteps),
    y: niceAxis([0.4, 1], 'right', (y) => `${Math.round(100 * y)} %`),
    series: [
      ...series('the judge', 'b', marks),
      ...(longer === null
        ? []
        : [{ name: 'the longer answer', colour: 'c' as const, marks: flat(longer), line: true, radius: 0 }]),
    ],
    guide: { from: flat(0.5)[0], to: flat(0.5)[1] },
  });
}

function series(name: string, colour: Series['colour'], marks: Mark[]): Series[] {
  return marks.length ? [{ name, colour, marks, line: true }] : [];
}

function stepAxis(totalSteps: number) {
  return niceAxis([0, Math.max(1, totalSteps)], 'step', (x) => x.toFixed(0));
}

function smoothed(losses: Mark[]): Mark[] {
  let last = losses[0]?.y ?? 0;
  return losses.map(({ x, y }, i) => {
    last += (y - last) * Math.max(0.05, 1 / (i + 1));
    return { x, y: last };
  });
}

function thin(marks: Mark[]): Mark[] {
  const every = Math.ceil(marks.length / MOST);
  return marks.filter((_, i) => i % every === 0 || i === marks.length - 1);
}
