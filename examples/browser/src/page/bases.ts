/** @file Real bases that fit a tab, with what they take. Sizes are those of the files that are downloaded. */

export const BASES: readonly { id: string; note: string }[] = [
  { id: 'google/gemma-3-270m', note: '0.5 GB; a step of one battle of 512 tokens takes a few seconds on two cores' },
  { id: 'google/gemma-3-1b-pt', note: '2.0 GB; about four times as long as the 270M' },
  { id: 'google/gemma-2-2b', note: '5.2 GB; for a machine with many cores or a GPU' },
];
