/** @file Describes a set of battles: counts, histograms, the data card. */
export { type DataCard, type DataCardInput, openDataCard, type SplitCard } from './card.js';
export { type Counts, type DescribeOptions, type Description, describeBattles, type Quantiles } from './describe.js';
export { type Histogram, histogram } from './histogram.js';
export { type SyntheticOptions, syntheticCeiling } from './synthetic.js';
