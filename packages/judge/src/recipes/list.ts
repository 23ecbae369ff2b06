/** @file The recipes by name. */
import type { Recipe } from './recipe.js';
import { reference } from './reference.js';
import { smallBase } from './small-base.js';

/** Every recipe. */
export const RECIPES: readonly Recipe[] = [smallBase, reference];

/** The recipe of a name, or undefined. */
export function recipeNamed(name: string | undefined): Recipe | undefined {
  return RECIPES.find((recipe) => recipe.name === name);
}
