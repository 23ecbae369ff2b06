/** @file The rules of settings. */
export { namesFromText } from '../naming.js';
export { checkSettings, type DefaultSettings } from '../settings.js';
export { RULES, type Rule } from '../settings-rules.js';
export { type Cleaning, checkLabels } from '../votes.js';
