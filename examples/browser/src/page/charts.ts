/** @file The live charts of a run: training loss, and loss and accuracy on validation battles. */
import { chartSvg, type Mark, niceAxis } from '@arena/eval/page';
import { get } from './dom.js';

/** Points that a line is drawn with at most. */
const MOST = 300;

export interface RunCharts {
  step(step: number, loss: number): void;
  measured(step: number, loss: number, accuracy: number): void;
  clear(): void;
}

/** Charts in the elements `chart-loss` and `chart-accuracy`; drawn at most once a frame. */
export function runCharts(): RunCharts {
  let raw: Mark[] = [];
  let smooth: Mark[] = [];
  let losses: Mark[] = [];
  let accuracies: Mark[] = [];
  let planned = false;
  const draw = () => {
    planned = false;
    const steps = niceAxis([0, Math.max(1, raw.at(-1)?.x ?? 1)], 'step', (x) => x.toFixed(0));
    const all = [...smooth, ...losses].map(({ y }) => y);
    get('chart-loss').innerHTML = all.length
      ? chartSvg({
          title: 'Loss',
          x: steps,
          y: niceAxis(all, 'loss', (y) => y.toFixed(2)),
          series: [
            { name: 'training (smoothed)', colour: 'a', marks: thin(smooth), line: true, radius: 0 },
            { name: 'validation', colour: 'b', marks: losses, line: true },
          ],
        })
      : '';
    get('chart-accuracy').innerHTML = accuracies.length
      ? chartSvg({
          title: 'Accuracy on validation battles',
          x: steps,
          y: niceAxis([0.4, 1], 'accuracy', (y) => `${Math.round(100 * y)} %`),
          series: [{ name: 'validation', colour: 'b', marks: accuracies, line: true }],
          guide: { from: { x: steps.from, y: 0.5 }, to: { x: steps.to, y: 0.5 } },
        })
      : '';
  };
  const plan = () => {
    if (!planned) requestAnimationFrame(draw);
    planned = true;
  };
  return {
    step(step, loss) {
      raw.push({ x: step, y: loss });
      const last = smooth.at(-1)?.y ?? loss;
      smooth.push({ x: step, y: last + (loss - last) * Math.max(0.05, 1 / raw.length) });
      plan();
    },
    measured(step, loss, accuracy) {
      losses.push({ x: step, y: loss });
      accuracies.push({ x: step, y: accuracy });
      plan();
    },
    clear() {
      [raw, smooth, losses, accuracies] = [[], [], [], []];
      plan();
    },
  };
}

function thin(marks: Mark[]): Mark[] {
  const every = Math.ceil(marks.length / MOST);
  return marks.filter((_, i) => i % every === 0 || i === marks.length - 1);
}
