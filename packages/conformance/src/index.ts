export type { Case, CaseSource, Check } from './case.js';
export { type CaseResult, runCase } from './run.js';
