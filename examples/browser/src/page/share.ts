/** @file What people share: a picture of the score, and a link that repeats the run. Never a vote or a text. */
import type { TrainSettings } from '../protocol.js';
import { type Challenge, raceCounts, type State } from './state.js';

/** Names of the settings in a link. */
const NAMES = {
  epochs: 'epochs',
  batchSize: 'batch',
  learningRate: 'rate',
  rank: 'rank',
  firstLayer: 'first',
  maxTokens: 'tokens',
} as const satisfies Partial<Record<keyof TrainSettings, string>>;

/** The address of this page with the run's settings, and what person and judge got of ten. */
export function runLink(state: State, address: string = location.href): string {
  const { seed, form, evaluated, race } = state;
  const words = new URLSearchParams({ votes: 'made-up', seed: String(seed) });
  for (const [key, name] of Object.entries(NAMES)) {
    const value = form?.[key as keyof typeof NAMES];
    if (value !== undefined) words.set(name, String(value));
  }
  const counts = raceCounts(state);
  if (evaluated) words.set('judge', String(counts.judge));
  if (counts.person.of === race.length && race.length) words.set('you', String(counts.person.right));
  const link = new URL(address);
  link.search = '';
  link.hash = words.toString();
  return link.href;
}

/** Reads the part behind # of such a link; null when it is none. Numbers that cannot be are left out. */
export function challengeOf(hash: string): Challenge | null {
  const words = new URLSearchParams(hash.replace(/^#/, ''));
  if (words.get('votes') !== 'made-up') return null;
  const whole = (name: string, most: number) => {
    const value = Number(words.get(name) ?? Number.NaN);
    return Number.isInteger(value) && value >= 0 && value <= most ? value : undefined;
  };
  const form: Partial<TrainSettings> = {};
  for (const [key, name] of Object.entries(NAMES) as [keyof typeof NAMES, string][]) {
    const value = Number(words.get(name) ?? Number.NaN);
    const limit = LIMITS[key];
    const fits = value >= limit[0] && value <= limit[1] && (key === 'learningRate' || Number.isInteger(value));
    if (fits) form[key] = value;
  }
  return { seed: whole('seed', 2 ** 31) ?? 42, form, judge: whole('judge', 10), person: whole('you', 10) };
}

/** What a link may ask of a machine. */
const LIMITS: Record<keyof typeof NAMES, [number, number]> = {
  epochs: [1, 10],
  batchSize: [1, 64],
  learningRate: [1e-6, 1],
  rank: [1, 64],
  firstLayer: [0, 3],
  maxTokens: [64, 1024],
};

const [WIDTH, HEIGHT] = [1200, 630];

/** The score as a PNG. */
export async function pictureOf(state: State): Promise<Blob> {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [WIDTH, HEIGHT];
  const context = canvas.getContext('2d')!;
  const { race, evaluated, votes, base } = state;
  const counts = raceCounts(state);
  const rows: [string, number, number, string][] = [
    ['You', counts.person.right, counts.person.of, '#1f5cab'],
    ['The judge', counts.judge, race.length, '#b04a12'],
    ['The longer answer', counts.longer, race.length, '#6b7686'],
    ['Word counts', counts.words, race.length, '#6b7686'],
  ];
  context.fillStyle = '#f4f6f9';
  context.fillRect(0, 0, WIDTH, HEIGHT);
  const write = (text: string, x: number, y: number, size: number, colour = '#1c2430', weight = 400) => {
    context.fillStyle = colour;
    context.font = `${weight} ${size}px system-ui, sans-serif`;
    context.fillText(text, x, y);
  };
  write('Which answer would people prefer?', 60, 95, 46, '#1c2430', 700);
  write(`${race.length} battles, a judge trained in a browser tab`, 60, 145, 28, '#55606f');
  rows.forEach(([name, right, of, colour], i) => {
    const y = 230 + 85 * i;
    write(name, 60, y + 18, 32, '#1c2430', i < 2 ? 700 : 400);
    for (let k = 0; k < of; k++) {
      context.fillStyle = k < right ? colour : '#d3dae3';
      context.beginPath();
      context.arc(400 + 52 * k, y + 8, 18, 0, 2 * Math.PI);
      context.fill();
    }
    write(
      of ? `${right} of ${of}` : 'did not vote',
      400 + 52 * Math.max(of, race.length) + 10,
      y + 18,
      32,
      '#1c2430',
      700,
    );
  });
  const judge = evaluated?.scores.find(({ name }) => name === 'model, both orders') ?? evaluated?.scores[0];
  if (judge) {
    const from = `${votes?.name ?? ''}, ${base?.name ?? ''}`;
    write(`On all unseen votes: ${(100 * judge.accuracy).toFixed(1)} %. ${from}`.slice(0, 80), 60, 590, 24, '#55606f');
  }
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture could not be made'))), 'image/png'),
  );
}
