/** @file Recipes: what they set, what wins over what, and when a run names one. */
import { GEMMA2_2B, GEMMA3_270M, parseGemmaConfig } from '@arena/gemma';
import { completeSettings, DEFAULT_SETTINGS, type GivenSettings, settingsSchema } from '@arena/judge';
import { RECIPES, recipeNamed, smallBase } from '@arena/judge/recipes';
import { checkSettings } from '@arena/judge/settings';
import { expect, test } from 'vitest';
import { recipeAdvice } from '../src/recipes/advice.js';

const GIVEN: GivenSettings = { base: 'google/gemma-3-270m', data: ['votes.jsonl'] };

test.each(RECIPES.map((recipe) => [recipe.name, recipe] as const))(
  '%s: its settings stand for the defaults',
  (name, recipe) => {
    const settings = completeSettings({ ...GIVEN, recipe: name });
    checkSettings(settings);
    expect(settings).toEqual({ ...DEFAULT_SETTINGS, ...recipe.settings, ...GIVEN, recipe: name });
    expect(recipeNamed(name)).toBe(recipe);
    expect(completeSettings(settings)).toEqual(settings); // what run.json holds is complete
  },
);

test('a setting that is given wins over the recipe, and the recipe over the defaults', () => {
  const settings = completeSettings({
    ...GIVEN,
    recipe: 'small-base',
    learningRate: 3e-4,
    evalEvery: 50,
    rank: undefined,
  });
  expect(settings).toMatchObject({ learningRate: 3e-4, evalEvery: 50, loss: 'bradley-terry', firstLayer: 0 });
  expect(settings.rank).toBe(smallBase.settings.rank);
  expect(settings.weightDecay).toBe(DEFAULT_SETTINGS.weightDecay);
});

test('an unknown recipe is refused with the known ones', () => {
  const settings = completeSettings({ ...GIVEN, recipe: 'smal-base' });
  expect(() => checkSettings(settings)).toThrow("`recipe` is \"smal-base\": 'small-base' or 'reference' is expected");
  expect(settingsSchema()).toMatchObject({ properties: { recipe: { enum: ['small-base', 'reference'] } } });
});

test('a small base with the untouched defaults is told of the recipe', () => {
  const [small, large] = [GEMMA3_270M, GEMMA2_2B].map((config) => parseGemmaConfig(JSON.stringify(config)));
  const told = (given: Partial<GivenSettings>, config = small) =>
    recipeAdvice(config, completeSettings({ ...GIVEN, ...given }));
  // 18 layers of 5,570,560 numbers in the linears, and 262,144 tokens of width 640
  expect(told({ maxTokens: 512, seed: 1 })).toMatch(/^the base has 268 million parameters.*`recipe` 'small-base'/);
  expect(told({}, large)).toBeUndefined();
  for (const own of [
    { recipe: 'reference' },
    { recipe: 'small-base' },
    { firstLayer: 0 },
    { learningRate: 1e-4 },
  ] as const) {
    expect(told(own)).toBeUndefined();
  }
});
