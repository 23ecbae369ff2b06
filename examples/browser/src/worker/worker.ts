/** @file The Worker that computes: the page asks for one task after another and stays free to answer its user. */

import { bytesFolder, type DownloadProgress, readFileAt } from '@arena/files';
import { type Judge, type ModelCard, openJudge } from '@arena/judge';
import { cardOf } from '@arena/judge/card';
import { objectiveOf, readJudge } from '@arena/judge/run';
import { DeviceLostError, type Engine, openEngine } from '@arena/runtime';
import type { Argument, Event, Pair, Request, Result, TaskName, TrainSettings } from '../protocol.js';
import { readAway, takeAway } from './away.js';
import { type Base, chooseBase, deleteBase, keptBases, openBase } from './base.js';
import { judgePair, trainHere } from './model.js';
import { onnxZip } from './onnx.js';
import { raceBattles, viewOf } from './race.js';
import { settingsOf } from './settings.js';
import { forgetRun, newestFolder, readJson, runStore } from './storage.js';
import { loadVotes, peekVotes, restoreVotes, type Votes, votesToText } from './votes.js';

let engine: Engine | undefined;
let votes: Votes | undefined;
let base: Base | undefined;
let judge: Judge | undefined;
/** Stops the task that is under way. */
let stopping: AbortController | undefined;
let pause: { over: Promise<void>; end: () => void } | undefined;

const tell = (event: Event) => postMessage({ event });
const onProgress = (done: number, total: number) => tell({ kind: 'progress', label: 'opening the base', done, total });
const onNote = (text: string) => tell({ kind: 'note', text });
const store = runStore((why) => onNote(`${why}: training continues, but a reload would lose it.`));

type Handlers = {
  [K in TaskName]: (argument: Argument<K>, signal: AbortSignal) => Promise<Result<K>> | Result<K>;
};

const handlers: Handlers = {
  async open(name) {
    const before = engine?.name;
    await closeJudge();
    engine?.dispose();
    try {
      engine = await openEngine(name);
    } catch (error) {
      if (before) engine = await openEngine(before);
      throw error;
    }
    const threads = `${engine.threads} thread${engine.threads > 1 ? 's' : ''}`;
    return { name: engine.name, detail: engine.device ?? threads };
  },
  async savedRun() {
    const saved = await savedRun();
    if (!saved) return null;
    const { votesName, baseName, totalSteps, checkpoint } = saved;
    const step = Number(checkpoint?.split('-')[1] ?? totalSteps);
    return { step, totalSteps, done: !checkpoint, votes: votesName, base: baseName };
  },
  async useVotes(choice, signal) {
    const onRow = (done: number) => tell({ kind: 'progress', label: 'reading votes', done, total: 0 });
    const read = await loadVotes(choice, { onRow, onNote, signal });
    if ('unnamed' in read) return read;
    votes = read;
    if (base?.files) base = undefined; // its tokenizer was made from other votes
    await closeJudge();
    return votes.info;
  },
  async peek(choice, signal) {
    return need(await peekVotes(choice, { onNote, signal }), 'these votes have no columns to choose from');
  },
  battle(index) {
    const { battles } = need(votes, 'choose votes first');
    return viewOf(battles[index]);
  },
  race: () => raceBattles(need(votes, 'choose votes first')).map(viewOf),
  async useBase(choice, signal) {
    const { battles } = need(votes, 'choose votes first');
    const onProgress = ({ file, bytes, totalBytes }: DownloadProgress) =>
      tell({
        kind: 'progress',
        label: `keeping ${file}`,
        done: Math.round(bytes / 1e6),
        total: Math.round(totalBytes / 1e6),
        unit: 'MB',
      });
    base = await chooseBase(choice, battles, { onProgress, signal });
    await closeJudge();
    if (!base.kept) onNote('This browser keeps no files of this page: a reload forgets the base.');
    return base.info;
  },
  estimate: async (id, signal) =>
    (await import('./estimate.js')).estimateFor(id, need(votes, 'choose votes first'), signal),
  keptBases,
  deleteBase,
  train: ({ form, pinned }, signal) =>
    alone(async () => {
      const [from, on] = [need(votes, 'choose votes first'), need(base, 'choose a base first')];
      const begin = () => fit(from, on, form, { pinned, signal });
      return goOnAfterLoss(begin, async () => ((await savedRun()) ? trainOn(signal) : begin()));
    }),
  continueRun: (_, signal) =>
    alone(() =>
      goOnAfterLoss(
        () => trainOn(signal),
        () => trainOn(signal),
      ),
    ),
  forgetRun: () => alone(forgetRun),
  setPaused(paused) {
    pause?.end();
    pause = undefined;
    if (!paused) return;
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    pause = { over, end };
  },
  stop() {
    stopping?.abort(new Error('stopped'));
    pause?.end();
  },
  evaluate: async (_, signal) =>
    // a first visit does not wait for it
    (await import('./report.js')).reportOn(
      need(judge, NO_JUDGE),
      need(votes, 'choose votes first'),
      `${votes!.info.name} with ${base!.info.name}`,
      tell,
      signal,
    ),
  judge: (pair) => judgePair(need(judge, NO_JUDGE), pair),
  saveAdapter: async () => takeAway(await need(judge, NO_JUDGE).files(), base!),
  saveOnnx: () => onnxZip(need(judge, NO_JUDGE), base!),
  async useAdapter(files, signal) {
    const { adapter, base: own } = await readAway(files);
    if (own) {
      base = own;
      tell({ kind: 'base', base: own.info });
    }
    const on = need(base, 'choose the base that the adapter was trained on first');
    const { settings } = settingsOf({ ...on.info.form, maxTokens: 1900 }, namesOf(on));
    const unsaid = cardOf(objectiveOf(settings), on, settings); // of an adapter that was trained elsewhere
    const trained = await readJudge(bytesFolder(adapter), unsaid);
    checkBase(trained.card, on);
    await closeJudge();
    judge = await openJudge(on, trained, { onProgress, onNote, signal });
    return `adapter of rank ${trained.adapter!.config.r} on ${on.info.name}`;
  },
};

const NO_JUDGE = 'train an adapter first, or load one';

/** What the page keeps of a run beside what @arena/judge keeps. */
interface RunFile {
  settings: TrainSettings;
  votesName: string;
  baseName: string;
  base: Base['kept'];
  totalSteps: number;
}

/** The saved run: what it is about, and its newest checkpoint when it is not done. */
async function savedRun(): Promise<(RunFile & { checkpoint?: string }) | null> {
  const newest = await newestFolder();
  if (!newest) return null;
  // earlier pages kept it under the name of a file that @arena/judge writes now
  const file = need((await readJson<RunFile>('page.json')) ?? (await readJson<RunFile>('run.json')), NO_RUN);
  const checkpoint = newest.name.startsWith('checkpoint-') ? newest.name : undefined;
  return { ...file, totalSteps: file.totalSteps ?? newest.totalSteps, checkpoint };
}

const NO_RUN = 'there is no saved run';

/** Opens the saved run's votes and base, and trains on where it was not done. */
async function trainOn(signal: AbortSignal): Promise<boolean> {
  const { settings, votesName, base: kept, checkpoint } = need(await savedRun(), NO_RUN);
  const text = await readFileAt(store.location(), 'votes.jsonl');
  votes = await restoreVotes(votesName, new TextDecoder().decode(need(text, 'the saved run has no votes.jsonl')));
  tell({ kind: 'votes', votes: votes.info });
  base = await openBase(need(kept, 'the base of the saved run was not kept'), votes.battles);
  tell({ kind: 'base', base: base.info });
  if (checkpoint) return fit(votes, base, settings, { checkpoint, signal });
  await closeJudge();
  judge = await openJudge(base, await readJudge(store.location('adapter')), { onProgress, onNote, signal });
  return true;
}

/** Trains; when the GPU is lost, trains on once on a new device. A second loss is the page's to show: something is wrong with the GPU. */
async function goOnAfterLoss(first: () => Promise<boolean>, again: () => Promise<boolean>): Promise<boolean> {
  try {
    return await first();
  } catch (error) {
    if (!(error instanceof DeviceLostError)) throw error;
    await openAfterLoss();
    onNote('The GPU was lost: a new device is open, training continues from the last checkpoint.');
    return again();
  }
}

/** Seconds that a browser needs to start its GPU process again, and tries. */
const RESTART_SECONDS = 1;
const RESTARTS = 10;

async function openAfterLoss(): Promise<void> {
  const { name } = engine!;
  judge = undefined; // its tensors went with the device
  engine!.dispose();
  for (let tries = 1; ; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * RESTART_SECONDS));
    try {
      engine = await openEngine(name);
      return;
    } catch (error) {
      if (tries === RESTARTS) throw error;
    }
  }
}

/** Trains anew, or from a checkpoint of the saved run. False when it was stopped. */
async function fit(
  from: Votes,
  on: Base,
  form: TrainSettings,
  { checkpoint, pinned, signal }: { checkpoint?: string; pinned?: Pair; signal: AbortSignal },
): Promise<boolean> {
  await closeJudge();
  const { settings, totalSteps } = settingsOf(form, namesOf(on, from));
  const file: RunFile = { settings: form, votesName: from.info.name, baseName: on.name, base: on.kept, totalSteps };
  const control = {
    signal,
    pinned,
    async opened() {
      if (!checkpoint) {
        await forgetRun();
        await store.write('votes.jsonl', votesToText(from));
      }
      await store.write('page.json', JSON.stringify(file));
    },
    resumed: async () => pause?.over,
  };
  try {
    const run = await trainHere(from, on, settings, store, checkpoint, control, tell);
    judge = run.judge;
    return run.result !== undefined;
  } finally {
    pause = undefined;
  }
}

function namesOf(on: Base, from?: Votes) {
  const { hiddenSize } = on.info;
  return { base: on.name, hiddenSize, votes: from?.info.name ?? '', battles: from?.splits.train.length ?? 0 };
}

/** Runs the body if no other tab trains: both would write the same saved run. */
async function alone<T>(body: () => Promise<T>): Promise<T> {
  // a page that is not on a safe address has no locks, and no storage that two tabs could both write
  if (!navigator.locks) return body();
  return navigator.locks.request('arena-training', { ifAvailable: true }, (lock) => {
    if (!lock) throw new Error('another tab of this page is training; stop it there first');
    return body();
  });
}

async function closeJudge(): Promise<void> {
  await judge?.dispose();
  judge = undefined;
}

/** An adapter says what its base is. Earlier pages left it out. @throws Error for another one. */
function checkBase({ base: name, baseSha256 }: ModelCard, on: Base): void {
  if (baseSha256 && on.files && baseSha256 !== on.sha256) {
    throw new Error(
      'this adapter was trained on the tiny base of other votes: open the zip that it was saved in, which has that base, or choose those votes and the tiny base first',
    );
  }
  if (name === undefined || name === on.name || on.files) return;
  const last = (path: string) => path.split(/[\\/]/).at(-1);
  if (last(name) !== last(on.name)) throw new Error(`this adapter was trained on ${name}; ${on.name} is open`);
}

/** Tasks that take long, one at a time. */
const STOPPABLE: ReadonlySet<TaskName> = new Set([
  'useVotes',
  'peek',
  'useBase',
  'estimate',
  'train',
  'continueRun',
  'evaluate',
  'useAdapter',
]);

function need<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new Error(message);
  return value;
}

/** What browsers say when a part that is loaded at its first use does not come: Chromium and Firefox, Safari. */
const LACKS_PART = /dynamically imported module|Importing a module script failed/;

addEventListener('message', async ({ data: { id, task, argument } }: MessageEvent<Request>) => {
  try {
    const handler = handlers[task] as (argument: unknown, signal: AbortSignal) => unknown;
    const control = new AbortController();
    if (STOPPABLE.has(task)) stopping = control;
    const result = await handler(argument, control.signal);
    if (stopping === control) stopping = undefined;
    postMessage({ id, result });
  } catch (error) {
    let message = (error as Error).message ?? String(error);
    if (LACKS_PART.test(message)) message = 'a part of this page cannot be fetched: is this machine online?';
    if (error instanceof DeviceLostError) {
      await openAfterLoss().catch((failed: Error) => {
        message += `; ${failed.message}`;
      });
      tell({ kind: 'lost' });
    }
    postMessage({ id, error: message });
  }
});
