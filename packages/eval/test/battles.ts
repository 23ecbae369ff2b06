/** @file Invented battles and predictions for the tests, from a seed. */
import type { Battle, Prediction } from '@arena/eval';

/** A small generator of numbers in [0, 1), apart from the package's own. */
export function generator(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function battle(id: string, prompt: string, a: string, b: string, winner: Battle['winner']): Battle {
  return { id, prompt: [prompt], responseA: [a], responseB: [b], winner };
}

/** Battles whose winner is mostly the longer answer and the one that says "good"; prompts come about twice. */
export function randomBattles(n: number, seed: number, prefix = 'test'): Battle[] {
  const random = generator(seed);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)];
  const answer = (good: boolean) =>
    [
      ...(good ? ['good'] : ['poor']),
      ...Array.from({ length: 3 + Math.floor(random() * 30) }, () => pick(['red', 'green', 'blue', 'old', 'new'])),
    ].join(' ');
  return Array.from({ length: n }, (_, i) => {
    const good = random() < 0.5;
    const a = answer(good);
    const b = answer(!good);
    const z = (good ? 1.2 : -1.2) + (a.length > b.length ? 1 : -1);
    const models = ['m1', 'm2', 'm3', 'm4'];
    const modelA = pick(models);
    return {
      id: `${prefix}-${i}`,
      prompt: [
        `${pick(['question', 'вопрос'])} ${prefix} ${Math.floor(random() * n * 0.6)}`,
        ...(random() < 0.2 ? ['and then?'] : []),
      ],
      responseA: [a],
      responseB: [b],
      winner: random() < 1 / (1 + Math.exp(-z)) ? 'a' : 'b',
      modelA,
      modelB: pick(models.filter((model) => model !== modelA)),
      language: pick(['English', 'Russian', 'German']),
      truncated: random() < 0.1,
    };
  });
}

/** Predictions that know nothing. */
export function predict(battles: readonly Battle[], seed: number): Prediction[] {
  const random = generator(seed);
  return battles.map(({ id }) => ({ id, probabilityA: random() }));
}
