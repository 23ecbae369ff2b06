/** @file What style explains of votes: its features and terms, and the two numbers that join them to a judge's margin. */

export { STYLE_FEATURES, styleCounts } from './features.js';
export type { Grouping } from './folds.js';
export {
  chooseStack,
  type Multipliers,
  multiplierFit,
  type StackCandidate,
  type StackChoice,
  type StackVotes,
} from './stack.js';
export { fitStyle, type StyleFit, type StyleTerm, type StyleTerms, styleLogOdds } from './terms.js';
