/** @file The model card arena.json: written and read. */
export { type Base, withLayers } from '../base.js';
export { baseOfCard, cardOf, formatCard, mergedCard, parseCard, quantizationOf, readCard } from '../card.js';
export { HUB_NAME, type HubPlace } from '../hub-place.js';
export { objectiveOfCard } from '../objectives/choose.js';
export { type Head, labelNames } from '../objectives/objective.js';
export { describeStyle, type JudgeStyle, styleOf } from '../style.js';
export { GEMMA_NOTICE, type JudgeForm, judgeReadme, type ReadmeInput } from './readme.js';
