/** @file What the page and its Worker say to each other. */
import type { LabelScore } from '@arena/transformers';

/** A battle, as the form has it. */
interface Battle {
  prompt: string;
  responseA: string;
  responseB: string;
}

export type Request = { train: true } | { ask: Battle };

export type Reply =
  | { progress: string }
  /** P(A) of battles that training did not see, by the pipeline and by the judge itself, and what the voters said. */
  | { trained: { pipeline: number[]; judge: number[]; votes: string[] } }
  | { scores: LabelScore[] }
  | { error: string };
