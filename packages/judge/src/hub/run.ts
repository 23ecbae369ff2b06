/** @file What the run of a judge tells its card: settings, votes on the hub, figures (Node). */
import type { Report } from '@arena/eval';
import { nodeFs } from '@arena/files/source';
import type { ModelCard } from '../card.js';
import { JudgeError } from '../error.js';
import { labelNames } from '../objectives/objective.js';
import { readJudge } from '../open.js';
import type { TrainingSettings } from '../settings.js';
import type { PushedFolder } from './folder.js';

/** A run beside the judge. */
export interface PushedRun {
  card: ModelCard;
  labels: string[];
  settings?: Partial<TrainingSettings>;
  report?: Report;
}

/**
 * Reads the run of a judge.
 * @throws JudgeError when it is none, or the run of another judge.
 */
export async function readRun(run: string | undefined, found: PushedFolder): Promise<PushedRun | undefined> {
  if (run === undefined) return undefined;
  const settings = (await jsonAt(`${run}/run.json`)) as Partial<TrainingSettings> | undefined;
  if (!settings)
    throw new JudgeError('card', `${run}: there is no run.json; the folder of a run of arena train is expected`);
  const { card, objective } = await readJudge(`${run}/adapter`);
  if (found.card && signature(found.card) !== signature(card)) {
    throw new JudgeError('card', `${run}: is the run of another judge than ${found.folder}, by their arena.json`);
  }
  const report = (await jsonAt(`${run}/metrics.json`)) as Report | undefined;
  return {
    card,
    labels: labelNames(objective),
    settings,
    report: report?.format === 'arena-eval-report' ? report : undefined,
  };
}

/** What a judge keeps in every form. */
function signature({ head, pack, seed, style }: ModelCard): string {
  return JSON.stringify({ head, pack, seed, style });
}

async function jsonAt(path: string): Promise<unknown> {
  const text = await nodeFs()
    .readFile(path, 'utf8')
    .catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new JudgeError('card', `${path}: is not JSON (${(error as Error).message})`);
  }
}
