export { type CaseResult, runConformance } from './conformance/run.js';
export { createProgram, main } from './program.js';
