/** @file Formats numbers and foreign text for a report. */
import type { Figure } from './bootstrap/bootstrap.js';

/** Text for HTML content and double-quoted attributes. */
export function escapeHtml(text: string): string {
  return cleanText(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Text for one cell of a markdown table: no markup, no line break. */
export function escapeMarkdown(text: string): string {
  return cleanText(text)
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_|~#]|\](?=[([:])/g, '\\$&') // a bracket makes a link only before these
    .replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** Removes control characters and half surrogate pairs, which break files and browsers. */
function cleanText(text: string): string {
  return text.replace(/\p{Cs}|[^\P{Cc}\t\n\r]/gu, '\ufffd');
}

/** The first `most` characters, and the number of further ones. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most)} [${(text.length - most).toLocaleString('en')} more characters]`;
}

/** 0.6312 as "63.1 %"; a dash for null. */
export function percent(value: number | null): string {
  return value === null ? '–' : `${(100 * value).toFixed(1)} %`;
}

/** A share with its interval, "63.1 % [61.0, 65.2]". */
export function percentFigure({ value, low, high }: Figure): string {
  if (value === null) return '–';
  return `${percent(value)}${low === null ? '' : ` [${(100 * low).toFixed(1)}, ${(100 * high!).toFixed(1)}]`}`;
}

/** A difference of shares in points, "+1.2 [-0.3, +2.7]". */
export function pointsFigure({ value, low, high }: Figure): string {
  const points = (x: number) => `${x >= 0 ? '+' : ''}${(100 * x).toFixed(1)}`;
  if (value === null) return '–';
  return `${points(value)}${low === null ? '' : ` [${points(low)}, ${points(high!)}]`}`;
}

/** A number with its interval and `digits` decimals. */
export function numberFigure({ value, low, high }: Figure, digits = 3): string {
  if (value === null) return '–';
  const range = low === null ? '' : ` [${low.toFixed(digits)}, ${high!.toFixed(digits)}]`;
  return `${value.toFixed(digits)}${range}`;
}

/** A number or a dash. */
export function number(value: number | null, digits = 3): string {
  return value === null ? '–' : value.toFixed(digits);
}

/** A probability of a test: "0.012", "< 0.001". */
export function pValue(value: number): string {
  return value < 0.001 ? '< 0.001' : value.toFixed(3);
}

/** Note on ECE, and why its interval may not contain it. */
export function eceNote(bins: number): string {
  return `ECE has ${bins} bins of equal width; resampled battles scatter more within them, so its interval lies high and may not hold the figure.`;
}

/** Note on the ties. */
export function tiesNote(count: number, ties: 'drop' | 'half'): string {
  if (ties === 'drop') return count === 1 ? '1 tie was left out.' : `${count} ties were left out.`;
  const counts = count === 1 ? '1 tie counts' : `${count} ties count`;
  return `${counts} as half a win for each side: any pick earns half on ${count === 1 ? 'it' : 'them'}.`;
}
