/** @file Real bases, with the size of what is downloaded. */

export const BASES: readonly { id: string; note: string }[] = [
  { id: 'google/gemma-3-270m', note: '0.5 GB' },
  { id: 'google/gemma-3-1b-pt', note: '2.0 GB' },
  { id: 'google/gemma-2-2b', note: '5.2 GB; needs a browser with that much memory and storage to spare' },
];
