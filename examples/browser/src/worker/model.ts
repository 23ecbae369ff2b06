/** @file A judge on the engine that is open: trained, evaluated, asked. */
import { type Judge, type RunEvent, type Store, type TrainingSettings, trainJudge } from '@arena/judge';
import type { JudgeRun } from '@arena/judge/run';
import type { Event, Judgement, Pair } from '../protocol.js';
import type { Base } from './base.js';
import type { Votes } from './votes.js';

/** A reload loses at most so much of a run. */
const SAVE_SECONDS = 60;
/** Validation battles that are measured while training. */
export const MEASURED = 100;

/** What lets the page hold the training up. */
export interface Control {
  signal: AbortSignal;
  /** Called when the model is there, before anything of the run is kept. */
  opened(): Promise<void>;
  /** Fulfilled at once, or when the pause ends. */
  resumed(): Promise<void>;
  /** A battle to judge at the start, and whenever something is measured. */
  pinned?: Pair;
}

/** Trains, from a checkpoint of the store if one is named, telling the page of every step. */
export function trainHere(
  votes: Votes,
  base: Base,
  settings: TrainingSettings,
  store: Store,
  checkpoint: string | undefined,
  { signal, opened, resumed, pinned }: Control,
  tell: (event: Event) => void,
): Promise<JudgeRun> {
  let begin = 0;
  let firstStep = 0;
  const resume = checkpoint === undefined ? undefined : { checkpoint };
  const saveEvery = settings.evalEvery;
  let learning: Judge | undefined;
  async function look(step: number): Promise<void> {
    if (!pinned || !learning) return;
    tell({ kind: 'pinned', step, probabilityA: (await judgePair(learning, pinned)).mean });
  }
  async function onEvent(event: RunEvent): Promise<void> {
    if (event.kind === 'loading') tell({ ...event, kind: 'progress', label: 'opening the base' });
    if (event.kind === 'note') tell({ kind: 'note', text: event.note });
    if (event.kind === 'opened') {
      learning = event.judge;
      await opened();
    }
    if (event.kind === 'begin') {
      begin = performance.now();
      firstStep = event.checkpoint?.step ?? 0;
      tell({ kind: 'start', totalSteps: event.totalSteps, trained: event.trained, memory: event.memory.total });
      await look(firstStep);
    }
    if (event.kind === 'step') {
      const { totalSteps, tokens, entry } = event;
      const seconds = (performance.now() - begin) / 1000;
      const secondsLeft = (seconds / (entry.step - firstStep)) * (totalSteps - entry.step);
      tell({ ...entry, kind: 'step', totalSteps, tokensPerSecond: tokens / seconds, secondsLeft });
      await resumed();
    }
    if (event.kind === 'scoring') tell({ ...event, kind: 'progress', label: 'scoring the validation part' });
    if (event.kind === 'styled') tell({ kind: 'note', text: `Style: ${event.note}` });
    if (event.kind === 'measured') {
      const { step, eval_loss: loss, eval_accuracy: accuracy } = event.entry;
      tell({ kind: 'measured', step, loss, accuracy });
      await look(step);
    }
  }
  const options = { base, resume, saveEvery, saveSeconds: SAVE_SECONDS, measured: MEASURED, onEvent, signal };
  return trainJudge({ parts: votes.splits }, settings, store, options);
}

/** What people would prefer of one battle. */
export async function judgePair(judge: Judge, pair: Pair): Promise<Judgement> {
  const said = await judge.predict(pair);
  const { probabilityA: asGiven, probabilityASwapped, rawProbabilityA, rawProbabilityASwapped } = said;
  const exchanged = probabilityASwapped ?? asGiven; // a reward model sees no order
  const judgement = { asGiven, exchanged, mean: (asGiven + exchanged) / 2 };
  if (rawProbabilityA === undefined) return judgement;
  return { ...judgement, margin: (rawProbabilityA + (rawProbabilityASwapped ?? rawProbabilityA)) / 2 };
}
