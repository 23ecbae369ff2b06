/** @file A small chart as SVG text: axes from 0 to 1 or any range, lines, bands, points and intervals. */
import { escapeHtml } from '../text.js';

/** A linear scale. Values beyond its ends are drawn at the ends. `format` writes a tick. */
export interface Axis {
  from: number;
  to: number;
  ticks: readonly number[];
  label: string;
  format: (value: number) => string;
}

/** A point in the units of the axes; `low` and `high` are its interval along y. */
export interface Mark {
  x: number;
  y: number;
  low?: number | null;
  high?: number | null;
}

/** Marks of one colour. An empty name keeps them out of the legend. */
export interface Series {
  name: string;
  /** Class with a colour of the page's style: a, b or c. */
  colour: 'a' | 'b' | 'c';
  marks: readonly Mark[];
  /** Draw a line through the marks, and a band for their intervals instead of bars. */
  line?: boolean;
  /** Radius of the points (default 3.5); 0 draws none. */
  radius?: number;
}

/** 460 by 300 units. The title is for screen readers and tooltips only. */
export interface Chart {
  title: string;
  x: Axis;
  y: Axis;
  series: readonly Series[];
  /** A dashed line between two points, with its meaning. */
  guide?: { from: Mark; to: Mark };
}

const WIDTH = 460;
const HEIGHT = 300;
/** Room for texts of 14 units, the size on small screens. */
const BOX = { left: 70, right: 22, top: 12, bottom: 62 };

/** The chart as one `<svg>` element with its title for screen readers. */
export function chartSvg({ title, x, y, series, guide }: Chart): string {
  const px = (value: number) => coordinate(BOX.left, WIDTH - BOX.right, x, value);
  const py = (value: number) => coordinate(HEIGHT - BOX.bottom, BOX.top, y, value);
  const parts: string[] = [];
  for (const tick of y.ticks) {
    parts.push(`<line class="grid" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${py(tick)}" y2="${py(tick)}"/>`);
    parts.push(
      `<text x="${BOX.left - 6}" y="${py(tick)}" dy="0.35em" text-anchor="end">${escapeHtml(y.format(tick))}</text>`,
    );
  }
  for (const tick of x.ticks) {
    parts.push(
      `<text x="${px(tick)}" y="${HEIGHT - BOX.bottom + 16}" text-anchor="middle">${escapeHtml(x.format(tick))}</text>`,
    );
  }
  const base = HEIGHT - BOX.bottom;
  parts.push(`<line class="axis" x1="${BOX.left}" x2="${WIDTH - BOX.right}" y1="${base}" y2="${base}"/>`);
  parts.push(
    `<text class="label" x="${(BOX.left + WIDTH - BOX.right) / 2}" y="${base + 34}" text-anchor="middle">${escapeHtml(x.label)}</text>`,
    `<text class="label" transform="translate(14 ${(BOX.top + base) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(y.label)}</text>`,
  );
  if (guide) parts.push(lineSvg('guide', px(guide.from.x), py(guide.from.y), px(guide.to.x), py(guide.to.y)));
  for (const one of series) parts.push(seriesSvg(one, px, py));
  const named = series.filter(({ name }) => name);
  const step = (WIDTH - BOX.left - BOX.right) / Math.max(1, named.length);
  for (const [i, { name, colour }] of named.entries()) {
    const at = BOX.left + i * step;
    parts.push(`<circle class="fill-${colour}" cx="${round(at + 5)}" cy="${HEIGHT - 10}" r="4"/>`);
    parts.push(`<text x="${round(at + 14)}" y="${HEIGHT - 10}" dy="0.35em">${escapeHtml(name)}</text>`);
  }
  return (
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">` +
    `<title>${escapeHtml(title)}</title>${parts.join('')}</svg>`
  );
}

function seriesSvg(
  { colour, marks, line, radius = 3.5 }: Series,
  px: (value: number) => number,
  py: (value: number) => number,
): string {
  const ranged = marks.filter(({ low, high }) => typeof low === 'number' && typeof high === 'number');
  const parts: string[] = [];
  if (line) {
    const edge = [...ranged.map(({ x, high }) => [x, high!]), ...ranged.toReversed().map(({ x, low }) => [x, low!])];
    if (edge.length) parts.push(`<polygon class="band-${colour}" points="${points(edge, px, py)}"/>`);
    const path = marks.map(({ x, y }) => [x, y]);
    if (path.length) parts.push(`<polyline class="line-${colour}" points="${points(path, px, py)}"/>`);
  } else {
    for (const { x, low, high } of ranged) parts.push(lineSvg(`bar-${colour}`, px(x), py(low!), px(x), py(high!)));
  }
  if (radius > 0) {
    for (const { x, y } of marks) {
      parts.push(`<circle class="fill-${colour}" cx="${px(x)}" cy="${py(y)}" r="${round(radius)}"/>`);
    }
  }
  return parts.join('');
}

/** One row of a {@link rangesSvg}. */
export interface RangeRow {
  name: string;
  value: number | null;
  low: number | null;
  high: number | null;
  marked: boolean;
}

/** Rows of a value with its interval beside each other, over a dashed line at `reference`: a forest plot. */
export function rangesSvg(title: string, rows: readonly RangeRow[], x: Axis, reference: number | null): string {
  const left = 196;
  const rowHeight = 22;
  const base = rows.length * rowHeight + 10;
  const height = base + 44;
  const px = (value: number) => coordinate(left, WIDTH - 22, x, value);
  const parts: string[] = [];
  for (const tick of x.ticks) {
    parts.push(lineSvg('grid', px(tick), 4, px(tick), base));
    parts.push(`<text x="${px(tick)}" y="${base + 14}" text-anchor="middle">${escapeHtml(x.format(tick))}</text>`);
  }
  parts.push(`<text class="label" x="${WIDTH - 22}" y="${base + 32}" text-anchor="end">${escapeHtml(x.label)}</text>`);
  if (reference !== null) parts.push(lineSvg('guide', px(reference), 4, px(reference), base));
  for (const [i, { name, value, low, high, marked }] of rows.entries()) {
    const y = i * rowHeight + 16;
    const short = Array.from(name).length > 22 ? `${Array.from(name).slice(0, 21).join('')}…` : name;
    const colour = marked ? 'b' : 'a';
    parts.push(`<text x="${left - 10}" y="${y}" dy="0.35em" text-anchor="end">${escapeHtml(short)}</text>`);
    if (low !== null && high !== null) parts.push(lineSvg(`bar-${colour}`, px(low), y, px(high), y));
    if (value !== null) parts.push(`<circle class="fill-${colour}" cx="${px(value)}" cy="${y}" r="4"/>`);
  }
  return (
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(title)}">` +
    `<title>${escapeHtml(title)}</title>${parts.join('')}</svg>`
  );
}

/** Even steps that cover `values`, for an axis. */
export function niceAxis(values: readonly number[], label: string, format: (value: number) => string): Axis {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const raw = (high - low || Math.abs(high) || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw)!;
  const from = Math.floor(low / step) * step;
  const to = Math.max(from + step, Math.ceil(high / step) * step);
  const ticks = Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step);
  return { from, to, ticks, label, format };
}

/** A share from `from` (a tenth below 1) to 1, in percent. */
export function shareAxis(label: string, from = 0): Axis {
  const steps = from > 0 ? Math.round((1 - from) * 10) : 5;
  const ticks = Array.from({ length: steps + 1 }, (_, i) => from + (i * (1 - from)) / steps);
  return { from, to: 1, ticks, label, format: (value) => `${Math.round(100 * value)} %` };
}

function coordinate(begin: number, end: number, { from, to }: Axis, value: number): number {
  const share = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return round(begin + share * (end - begin));
}

function points(list: readonly number[][], px: (value: number) => number, py: (value: number) => number): string {
  return list.map(([x, y]) => `${px(x)},${py(y)}`).join(' ');
}

function lineSvg(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
