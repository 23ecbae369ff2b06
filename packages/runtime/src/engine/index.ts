/** @file For authors of engines. */
export { type Abilities, setAbilities } from '../abilities.js';
export { BACKEND_OF } from '../op.js';
export { importFromProject } from '../project-package.js';
export type { EngineProvider } from '../provider.js';
