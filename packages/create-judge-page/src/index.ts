/** @file A page that trains a preference judge in the browser, as a project of one's own. */
export { createJudgePage } from './create.js';
