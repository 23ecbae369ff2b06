/** @file The recipe `reference`: the defaults. */
import type { Recipe } from './recipe.js';

/** The defaults under a name. They are made for bases of 2 billion parameters and tens of thousands of votes. */
export const reference: Recipe = {
  name: 'reference',
  purpose: 'a base of 2 billion parameters or more, and tens of thousands of votes: the defaults',
  settings: {},
};
