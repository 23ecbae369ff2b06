/** @file Recipes: settings that runs showed to be good, by name. */
export { RECIPES, recipeNamed } from './list.js';
export type { Recipe } from './recipe.js';
export { reference } from './reference.js';
export { smallBase } from './small-base.js';
