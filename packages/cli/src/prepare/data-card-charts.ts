/** @file Tables and charts of the data card's counts and histograms. */
import type { Counts, Histogram } from '@arena/data/describe';
import { chartSvg, niceAxis, percent, rangesSvg, type Series, type Table } from '@arena/eval/page';

/** Names shown in a list of counts. */
const MOST_NAMES = 20;

/** The most frequent names with their share of `total` battles. */
export function countTable(caption: string, counts: Counts, total: number): Table {
  const rows = shownOf(counts).map((one) => [one.name, count(one.count), percent(one.count / total)]);
  return { caption, columns: ['', 'Battles', 'Share'], rows };
}

/** The axis names the unit. A chart's title is for screen readers. */
export function countChart(name: string, counts: Counts, total: number): string {
  const rows = shownOf(counts).map((one) => ({
    name: one.name,
    value: one.count / total,
    low: 0,
    high: one.count / total,
    marked: false,
  }));
  const axis = niceAxis([0, ...rows.map(({ value }) => value)], `battles by ${name}`, percentTick);
  return rangesSvg(`Battles by ${name}`, rows, axis, null);
}

/** The most frequent names, the rest as one. */
function shownOf(counts: Counts): Counts {
  if (counts.length <= MOST_NAMES) return counts;
  const rest = counts.slice(MOST_NAMES - 1);
  const others = { name: `${rest.length} others`, count: rest.reduce((sum, one) => sum + one.count, 0) };
  return [...counts.slice(0, MOST_NAMES - 1), others];
}

/** One line for each histogram, over the bins of the longest. */
export function histogramChart(
  title: string,
  unit: string,
  lines: (readonly [name: string, colour: Series['colour'], data: Histogram])[],
): string {
  const longest = lines.map(([, , data]) => data).reduce((a, b) => (b.edges.length > a.edges.length ? b : a));
  const bins = longest.counts.length;
  const share = ({ counts }: Histogram, k: number) =>
    (counts[k] ?? 0) /
    Math.max(
      1,
      counts.reduce((sum, n) => sum + n, 0),
    );
  const series: Series[] = lines.map(([name, colour, data]) => ({
    name,
    colour,
    line: true,
    radius: 2.5,
    marks: Array.from({ length: bins }, (_, k) => ({ x: k + 0.5, y: share(data, k) })),
  }));
  const step = Math.ceil((bins + 1) / 9);
  return chartSvg({
    title,
    x: {
      from: 0,
      to: bins,
      ticks: longest.edges.flatMap((_, k) => (k % step === 0 ? [k] : [])),
      label: unit,
      format: (k) => shortNumber(longest.edges[k]),
    },
    y: niceAxis([0, ...series.flatMap(({ marks }) => marks.map(({ y }) => y))], 'share of the battles', percentTick),
    series,
  });
}

/** 1469992 as "1,469,992". */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/** 16384 as "16k". */
export function shortNumber(value: number): string {
  return value >= 1024 && value % 1024 === 0 ? `${value / 1024}k` : String(value);
}

/** A share for an axis: 0.125 as "12.5 %". */
export function percentTick(value: number): string {
  return `${Math.round(1000 * value) / 10} %`;
}
