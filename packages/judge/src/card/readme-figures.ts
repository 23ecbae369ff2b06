/** @file The figures of an evaluation in a README.md: a table for people, and `model-index` for the hub. */
import type { Report } from '@arena/eval';
import type { Yaml } from './yaml.js';

type Scores = Report['predictors'][number];
type Figure = Scores['accuracy'];

const METRICS = [
  { key: 'accuracy', type: 'accuracy', name: 'Accuracy' },
  { key: 'logLoss', type: 'log_loss', name: 'Log loss' },
  { key: 'ece', type: 'ece', name: 'Expected calibration error' },
] as const;

/** Predictors that nothing was trained for: what a judge has to beat. */
const BASELINES: readonly string[] = ['always-longer', 'majority', 'style', 'tf-idf'];

/** The metrics of `model-index`: those of the judge, and the accuracy of the best baseline under a type of its own. */
export function figureMetrics({ predictors, settings }: Report): Yaml[] {
  const [judge, ...others] = predictors;
  const own = METRICS.flatMap(({ key, type, name }) => metric(type, name, judge[key], settings.confidence));
  const best = others
    .filter(({ name }) => BASELINES.includes(name))
    .sort((a, b) => (b.accuracy.value ?? 0) - (a.accuracy.value ?? 0))[0];
  return [
    ...own,
    ...(best
      ? metric('baseline_accuracy', `Accuracy of a baseline, ${best.name}`, best.accuracy, settings.confidence)
      : []),
  ];
}

function metric(type: string, name: string, { value, low, high }: Figure, confidence: number): Yaml[] {
  if (value === null) return [];
  const interval =
    low === null || high === null ? '' : ` (${100 * confidence} % interval ${low.toFixed(3)} to ${high.toFixed(3)})`;
  return [{ type, name: `${name}${interval}`, value: Number(value.toFixed(4)) }];
}

/** A table of all predictors with intervals, and the report's own sentence. */
export function figureTable({ predictors, data, settings, verdict }: Report): string {
  const cell = ({ value, low, high }: Figure) => {
    if (value === null) return '';
    return low === null || high === null
      ? value.toFixed(3)
      : `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  };
  const rows = predictors.map(
    (scores) => `| ${scores.name} | ${METRICS.map(({ key }) => cell(scores[key])).join(' | ')} |`,
  );
  return `${verdict}

On ${data.n} battles (${data.prompts} prompts) that were kept from training, with ${100 * settings.confidence} % intervals; \`model\` is this one.

| | ${METRICS.map(({ name }) => name.toLowerCase()).join(' | ')} |
| --- | ${METRICS.map(() => '---').join(' | ')} |
${rows.join('\n')}`;
}
