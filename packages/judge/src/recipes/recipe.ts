/** @file A recipe: settings that go together, under a name. */
import type { TrainingSettings } from '../settings.js';

/** Settings that runs on one kind of base and votes showed to be good. */
export interface Recipe {
  name: string;
  /** Which bases and votes it is for, in a sentence. */
  purpose: string;
  /** What it sets. A setting that is given wins over it, and it wins over the defaults. */
  settings: Readonly<Partial<Omit<TrainingSettings, 'base' | 'data' | 'recipe'>>>;
}
