/** @file The trials of a sweep. Each runs `arena train` in its own process, several at a time. And their table. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import type { Report } from '@arena/eval';
import type { Figure } from '@arena/eval/metrics';
import { numberFigure, percentFigure } from '@arena/eval/page';
import type { PredictorScores } from '@arena/eval/report';
import { replaceFile } from '@arena/files/write';
import { readJson } from '../json-file.js';
import type { Flags, SweepSpace } from './space.js';

/** A finished trial. One without figures failed. */
export interface TrialResult {
  trial: number;
  /** The flags that it varied. */
  flags: Flags;
  validation?: { accuracy: Figure; logLoss: Figure };
  test?: { accuracy: Figure; logLoss: Figure };
  error?: string;
}

export interface SweepJob {
  space: SweepSpace;
  trials: Flags[];
  out: string;
  jobs: number;
  /** Threads of each process, unless the space sets them. */
  threads: number;
  say: (line: string) => void;
  signal: AbortSignal;
}

/**
 * Runs the unfinished trials. A stopped sweep stops its runs, which save checkpoints; a new call resumes them.
 * @returns all results, in the order of the trials.
 * @throws the signal's reason when it was stopped.
 */
export async function runSweep(job: SweepJob): Promise<TrialResult[]> {
  const { trials, jobs, say, signal } = job;
  const results: TrialResult[] = new Array(trials.length);
  let next = 0;
  const work = async () => {
    while (next < trials.length && !signal.aborted) {
      const trial = next++;
      const known = await resultOf(job, trial);
      results[trial] = known ?? (await runTrial(job, trial));
      if (signal.aborted) return;
      const { error, validation } = results[trial];
      const figures = validation ? `validation accuracy ${percentFigure(validation.accuracy)}` : `failed: ${error}`;
      say(
        `trial ${trial + 1} of ${trials.length} (${flagText(trials[trial])}): ${figures}${known ? ' (as before)' : ''}`,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, trials.length) }, work));
  signal.throwIfAborted();
  return results;
}

const folderOf = (out: string, trial: number) => `${out}/trial-${String(trial + 1).padStart(3, '0')}`;

/** The result of a trial. Undefined when it is unfinished. */
async function resultOf({ out, trials }: SweepJob, trial: number): Promise<TrialResult | undefined> {
  const read = async (name: string) => {
    const path = `${folderOf(out, trial)}/run/${name}`;
    if (!(await stat(path).catch(() => undefined))) return undefined;
    return (await readJson(path, { advice: 'remove it, and the trial is evaluated again' })) as Report;
  };
  const metrics = await read('metrics.json');
  if (!metrics) return undefined;
  const validation = await read('validation.json');
  return {
    trial,
    flags: trials[trial],
    ...(validation ? { validation: figuresOf(validation.predictors) } : {}),
    test: figuresOf(metrics.predictors),
    ...(validation ? {} : { error: 'its validation part is empty: there is nothing to choose by' }),
  };
}

/** From the mean of both orders, where both were scored. */
function figuresOf(predictors: PredictorScores[]) {
  const { accuracy, logLoss } = predictors.find(({ name }) => name === 'model, both orders') ?? predictors[0];
  return { accuracy, logLoss };
}

async function runTrial(job: SweepJob, trial: number): Promise<TrialResult> {
  const { space, trials, out, threads, signal } = job;
  const folder = folderOf(out, trial);
  const run = `${folder}/run`;
  await mkdir(folder, { recursive: true });
  const flags = { ...space.train, ...trials[trial] };
  const onCpu = ['auto', 'wasm'].includes(String(flags.engine ?? 'auto')); // trials share the threads
  await replaceFile(
    `${folder}/config.json`,
    `${JSON.stringify({ ...(onCpu ? { threads } : {}), ...flags }, null, 2)}\n`,
  );
  const begun = await stat(`${run}/run.json`).catch(() => undefined);
  if (!begun) await rm(run, { recursive: true, force: true });
  const log = await open(`${folder}/log.txt`, 'a');
  const argv = ['train', '--config', `${folder}/config.json`, '--out', run, ...(begun ? ['--resume'] : [])];
  const child = spawn(process.execPath, [process.argv[1], ...argv], { stdio: ['ignore', log.fd, log.fd] });
  const code = await ended(child, signal);
  await log.close();
  if (code === 0) return (await resultOf(job, trial))!;
  const lines = (await readFile(`${folder}/log.txt`, 'utf8')).trim().split('\n');
  const error =
    lines.findLast((line) => /^(arena train|error): /.test(line)) ?? `ended with ${code}, see ${folder}/log.txt`;
  return { trial, flags: trials[trial], error: error.replace(/^arena train: /, '') };
}

/** The child's exit code. The signal stops it like Ctrl-C. */
function ended(child: ChildProcess, signal: AbortSignal): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const stop = () => child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    child.on('error', reject);
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop);
      resolve(code);
    });
  });
}

/** The trials sorted by their validation figure, best first, failed ones last. */
export function ranked(results: TrialResult[], metric: 'loss' | 'accuracy'): TrialResult[] {
  const badness = ({ validation }: TrialResult) => {
    const value = metric === 'loss' ? validation?.logLoss.value : -(validation?.accuracy.value ?? Number.NaN);
    return value === undefined || value === null || Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  };
  return results.toSorted((a, b) => badness(a) - badness(b) || a.trial - b.trial);
}

/** A markdown table of ranked results. */
export function sweepTable(results: TrialResult[]): string {
  const flags = [...new Set(results.flatMap((one) => Object.keys(one.flags)))];
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const figures = (scores: TrialResult['test']) =>
    scores ? [percentFigure(scores.accuracy), numberFigure(scores.logLoss)] : ['', ''];
  const head = ['trial', ...flags, 'validation accuracy', 'validation log loss', 'test accuracy', 'test log loss'];
  return [
    row(head),
    row(head.map(() => '---')),
    ...results.map(({ trial, flags: own, validation, test, error }) =>
      row([
        String(trial + 1),
        ...flags.map((flag) => String(own[flag] ?? '')),
        ...(error ? [error.replaceAll('|', '/'), ''] : figures(validation)),
        ...figures(test),
      ]),
    ),
  ].join('\n');
}

function flagText(flags: Flags): string {
  return Object.entries(flags)
    .map(([flag, value]) => `${flag} ${value}`)
    .join(', ');
}
