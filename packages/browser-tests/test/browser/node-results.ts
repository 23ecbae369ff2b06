/** @file What Node computes, for the browser to be compared with. Runs in Node before the browser tests. */
import type { TestProject } from 'vitest/node';
import type { TrainingResult } from './training.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether the page is cross-origin isolated. */
    isolated: boolean;
    /** Address of the real Gemma 3 270M. Empty where ARENA_GEMMA3_270M does not name it. */
    gemma3: string;
    nodeTraining: TrainingResult;
  }
}

export default async function setup({ vitest }: TestProject): Promise<void> {
  const root = vitest.getRootProject();
  // each project's setup runs in this one process, where tfjs keeps one registry: the first computes for all
  if (root.getProvidedContext().nodeTraining) return;
  const { openEngine } = await import('@arena/runtime');
  const { trainTiny } = await import('./training.js');
  const engine = await openEngine('wasm', { threads: 2, relaxedSimd: false });
  root.provide('nodeTraining', await trainTiny());
  engine.dispose();
}
