/**
 * @file Synthetic battles with a planted preference: for a first run without data, and for tests of a whole pipeline.
 *
 * Every battle sets a careful answer (it gives reasons, examples, measurements) against a careless one (it guesses and
 * waves away); people prefer the careful one, except for a share of votes that are flipped. Which side is careful is a
 * fair coin, and both lengths are drawn alike, so that neither position nor length decides. A judge that sees only the
 * texts cannot expect more than `1 - noise`.
 */
import { Mt19937 } from '@arena/random';
import type { Battle } from '../battle.js';

/** How many battles to draw, and how noisy. */
export interface SyntheticOptions {
  /** Battles, the dirty ones not counted. Default 2,000. */
  count?: number;
  /** Default 0. */
  seed?: number;
  /** Share of votes that are flipped. Default 0.1. */
  noise?: number;
  /** Share of extra dirty rows: empty, identical, tied, repeated, swapped. Default 0.02. */
  dirt?: number;
}

/** Highest accuracy that a judge of the texts can expect. */
export function syntheticCeiling(noise = 0.1): number {
  return 1 - noise;
}

const TOPICS = [
  'a bicycle chain',
  'sourdough bread',
  'a slow laptop',
  'tomato plants',
  'a job interview',
  'a leaking tap',
  'red wine stains',
  'a first marathon',
  'an old piano',
  'a noisy fridge',
  'garden slugs',
  'a school essay',
  'a long flight',
  'a shy puppy',
  'winter tyres',
  'a small budget',
  'a camping stove',
  'watercolour paper',
  'a chess opening',
  'a broken zip',
  'a rice cooker',
  'a bee hive',
  'a foggy mirror',
  'an email to a teacher',
  'a wooden floor',
  'a sore back',
  'a night train',
  'a sailing knot',
];

const QUESTIONS = [
  'How do I deal with {}?',
  'What should I know about {}?',
  'Can you help me with {}?',
  'My friend asks about {}. What do I say?',
  'Explain {} to a beginner.',
  'What is the best way to handle {}?',
  'I have an hour for {}. Where do I start?',
  'Why is {} so hard?',
  'Give me a plan for {}.',
  'What are common mistakes with {}?',
];

const NEUTRAL = [
  'There is more than one way to go about {}.',
  'Many people ask about {}.',
  'It helps to look at {} from the start.',
  'With {} the order of the steps counts.',
  'You can do this at home.',
  'Take your time with it.',
  'Some of it depends on where you live.',
  'Here is how I see it.',
  'The first part is the longest.',
  'You may want to write this down.',
  'After that the rest is easy.',
  'A second pair of hands is welcome.',
];

// The two lists have the same total length: length must not reveal the careful answer.
const CAREFUL = [
  'This works because the cause is removed first.',
  'For example, check the label before you begin.',
  'Measure it twice and write both results down.',
  'Tests show that small steps give better results.',
  'The reason for it is simple and can be checked.',
  'Compare what you get with a known good result.',
  'A reliable source explains each step in detail.',
  'If it fails, the evidence will tell you where.',
];

const CARELESS = [
  'Honestly, whatever, just go and do it now.',
  'I guess it might work like that, who knows.',
  'Trust me, nobody reads the whole manual anyway.',
  'It is probably fine as it is, do not bother then.',
  'Everybody knows that much already, obviously.',
  'Just wing it somehow and hope for a bit of luck.',
  'No idea why it does, it must be magic or such.',
  'Skip the boring part of it, nobody really cares.',
];

/** Draws battles; equal seeds give equal battles. The dirty rows are spread among the others. */
export function syntheticBattles(options: SyntheticOptions = {}): Battle[] {
  const { count = 2000, seed = 0, noise = 0.1, dirt = 0.02 } = options;
  const random = new Mt19937(seed);
  const below = (n: number) => Math.floor((random.next() / 2 ** 32) * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)];
  const chance = (p: number) => random.next() / 2 ** 32 < p;

  const answer = (topic: string, cues: readonly string[]): string => {
    const sentences = Array.from({ length: 3 + below(6) }, () => (chance(0.6) ? pick(cues) : pick(NEUTRAL)));
    sentences[below(sentences.length)] = pick(cues); // always at least one cue
    return sentences.map((sentence) => sentence.replace('{}', topic)).join(' ');
  };

  const battles: Battle[] = [];
  const add = (battle: Omit<Battle, 'id' | 'row' | 'flags'>) => {
    battles.push({ id: `synthetic-${battles.length}`, row: battles.length, flags: [], ...battle });
  };
  for (let i = 0; i < count; i++) {
    const topic = pick(TOPICS);
    const prompt = [`${pick(QUESTIONS).replace('{}', topic)}${chance(0.5) ? ` I am ${18 + below(60)}.` : ''}`];
    const carefulIsA = chance(0.5);
    const careful = [answer(topic, CAREFUL)];
    const careless = [answer(topic, CARELESS)];
    const [responseA, responseB] = carefulIsA ? [careful, careless] : [careless, careful];
    const winner = carefulIsA !== chance(noise) ? 'a' : 'b';
    add({ prompt, responseA, responseB, winner, language: 'English', modelA: pick(MODELS), modelB: pick(MODELS) });
    if (!chance(dirt)) continue;
    const kind = below(5);
    if (kind === 0) add({ prompt, responseA: [''], responseB, winner: 'b' });
    else if (kind === 1) add({ prompt, responseA, responseB: responseA, winner });
    else if (kind === 2) add({ prompt, responseA, responseB: [answer(topic, CAREFUL)], winner: 'tie' });
    else if (kind === 3) add({ prompt, responseA, responseB, winner });
    else add({ prompt, responseA: responseB, responseB: responseA, winner: winner === 'a' ? 'b' : 'a' });
  }
  return battles;
}

const MODELS = ['maple-7b', 'birch-13b', 'cedar-3b', 'alder-30b'];
