/** @file Figures, tables and charts as HTML, SVG and markdown. */

export { numberFigure, percent, percentFigure, shorten } from '../text.js';
export { type Block, type Page, pageHtml, pageMarkdown, type Table, tableMarkdown } from './page.js';
export { type Axis, type Chart, chartSvg, type Mark, niceAxis, type RangeRow, rangesSvg, type Series } from './svg.js';
