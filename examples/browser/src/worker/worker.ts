/** @file The Worker that computes: the page asks for one task after another and stays free to answer its user. */
import { loadAdapter } from '@arena/lora';
import { DeviceLostError, type Engine, openEngine } from '@arena/runtime';
import { bytesFolder, readFileAt } from '@arena/safetensors';
import { loadCheckpoint } from '@arena/trainer';
import { unzipSync, zipSync } from 'fflate';
import type { Argument, Event, Request, Result, TaskName, TrainSettings } from '../protocol.js';
import { type Base, chooseBase, type KeptBase, openBase } from './base.js';
import { adapterFiles, evaluateJudge, type Judge, judgeBattle, openJudge, packOptions, trainJudge } from './model.js';
import { beginRun, forgetRun, savedRun } from './storage.js';
import { loadVotes, restoreVotes, type Votes, votesToText } from './votes.js';

let engine: Engine | undefined;
let votes: Votes | undefined;
let base: Base | undefined;
let judge: Judge | undefined;
let stopping: AbortController | undefined;
let pause: { over: Promise<void>; end: () => void } | undefined;

const tell = (event: Event) => postMessage({ event });
const loading = (done: number, total: number) => tell({ kind: 'progress', label: 'opening the base', done, total });

type Handlers = { [K in TaskName]: (argument: Argument<K>) => Promise<Result<K>> | Result<K> };

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
    const { votesName, baseName } = await runFile(saved.files);
    const { step, totalSteps, done } = saved;
    return { step, totalSteps, done, votes: votesName, base: baseName };
  },
  async useVotes(files) {
    votes = await loadVotes(files, (done) => tell({ kind: 'progress', label: 'reading votes', done, total: 0 }));
    if (base?.kept.kind === 'tiny') base = undefined; // its tokenizer was made from other votes
    await closeJudge();
    return votes.info;
  },
  battle(index) {
    const { battles } = need(votes, 'choose votes first');
    const { prompt, responseA, responseB, winner } = battles[index];
    return { index, total: battles.length, prompt, responseA, responseB, winner };
  },
  async useBase(choice) {
    const { battles } = need(votes, 'choose votes first');
    base = await chooseBase(choice, battles, ({ file, bytes, totalBytes }) =>
      tell({
        kind: 'progress',
        label: `keeping ${file}`,
        done: Math.round(bytes / 1e6),
        total: Math.round(totalBytes / 1e6),
      }),
    );
    await closeJudge();
    return base.info;
  },
  train: (settings) =>
    alone(async () => {
      const [from, on] = [need(votes, 'choose votes first'), need(base, 'choose a base first')];
      await closeJudge();
      judge = await openJudge(on, packOptions(on.info, settings.maxTokens), settings, loading);
      const file: RunFile = { settings, votesName: from.info.name, baseName: on.info.name, base: on.kept };
      await beginRun({ 'run.json': JSON.stringify(file), 'votes.jsonl': votesToText(from) });
      return goOnAfterLoss(
        () => fit(from, settings, null),
        async () => {
          if (await savedRun()) return trainOn();
          judge = await openJudge(on, packOptions(on.info, settings.maxTokens), settings, loading);
          return fit(from, settings, null);
        },
      );
    }),
  continueRun: () => alone(() => goOnAfterLoss(trainOn, trainOn)),
  forgetRun,
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
  evaluate: () =>
    evaluateJudge(
      need(judge, NO_JUDGE),
      need(votes, 'choose votes first'),
      `${votes!.info.name} with ${base!.info.name}`,
      tell,
    ),
  judge: (battle) => judgeBattle(need(judge, NO_JUDGE), battle),
  saveAdapter: async () => zipSync(await adapterFiles(need(judge, NO_JUDGE)), { level: 6 }),
  async useAdapter(files) {
    const on = need(base, 'choose the base that the adapter was trained on first');
    const location = bytesFolder(await adapterBytes(files));
    const adapter = await loadAdapter(location);
    const card = await readFileAt(location, 'arena.json');
    const pack = card ? JSON.parse(new TextDecoder().decode(card)).pack : packOptions(on.info, 1900);
    await closeJudge();
    judge = await openJudge(on, pack, adapter, loading);
    return `adapter of rank ${adapter.config.r} on ${on.info.name}`;
  },
};

const NO_JUDGE = 'train an adapter first, or load one';

interface RunFile {
  settings: TrainSettings;
  votesName: string;
  baseName: string;
  base: KeptBase;
}

type Files = NonNullable<Awaited<ReturnType<typeof savedRun>>>['files'];

async function text(files: Files, name: string): Promise<string> {
  return new TextDecoder().decode(need(await readFileAt(files, name), `the saved run has no ${name}`));
}

async function runFile(files: Files): Promise<RunFile> {
  return JSON.parse(await text(files, 'run.json')) as RunFile;
}

/** Opens the saved run's votes and base, and trains on where it was not done. */
async function trainOn(): Promise<boolean> {
  const saved = need(await savedRun(), 'there is no saved run');
  const { settings, votesName, base: kept } = await runFile(saved.files);
  votes = await restoreVotes(votesName, await text(saved.files, 'votes.jsonl'));
  tell({ kind: 'votes', votes: votes.info });
  base = await openBase(kept, votes.battles);
  tell({ kind: 'base', base: base.info });
  await closeJudge();
  const pack = packOptions(base.info, settings.maxTokens);
  if (saved.done) {
    judge = await openJudge(base, pack, await loadAdapter(saved.newest), loading);
    return true;
  }
  const checkpoint = await loadCheckpoint(saved.newest);
  judge = await openJudge(base, pack, await loadAdapter(saved.newest), loading);
  return fit(votes, settings, checkpoint);
}

/** Trains; when the GPU is lost, trains on once on a new device. A second loss is the page's to show: something is wrong with the GPU. */
async function goOnAfterLoss(first: () => Promise<boolean>, again: () => Promise<boolean>): Promise<boolean> {
  try {
    return await first();
  } catch (error) {
    if (!(error instanceof DeviceLostError)) throw error;
    await openAfterLoss();
    tell({ kind: 'note', text: 'The GPU was lost: a new device is open, training goes on from the last checkpoint.' });
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

async function fit(from: Votes, settings: TrainSettings, checkpoint: Parameters<typeof trainJudge>[3]) {
  stopping = new AbortController();
  const control = { signal: stopping.signal, resumed: async () => pause?.over };
  try {
    return await trainJudge(need(judge, NO_JUDGE), from, settings, checkpoint, control, tell);
  } finally {
    stopping = undefined;
    pause = undefined;
  }
}

/** Runs the body if no other tab trains: both would write the same saved run. */
async function alone(body: () => Promise<boolean>): Promise<boolean> {
  return navigator.locks.request('arena-training', { ifAvailable: true }, (lock) => {
    if (!lock) throw new Error('another tab of this page is training; stop it there first');
    return body();
  });
}

async function closeJudge(): Promise<void> {
  await judge?.model.dispose();
  judge = undefined;
}

async function adapterBytes(files: File[]): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = {};
  for (const file of files) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (!file.name.endsWith('.zip')) found[file.name] = bytes;
    // names without their folder: only the adapter's own are looked for
    else for (const [name, content] of Object.entries(unzipSync(bytes))) found[name.split('/').at(-1)!] = content;
  }
  return found;
}

function need<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new Error(message);
  return value;
}

addEventListener('message', async ({ data: { id, task, argument } }: MessageEvent<Request>) => {
  try {
    const handler = handlers[task] as (argument: unknown) => unknown;
    postMessage({ id, result: await handler(argument) });
  } catch (error) {
    let message = (error as Error).message ?? String(error);
    if (error instanceof DeviceLostError) {
      await openAfterLoss().catch((failed: Error) => {
        message += `; ${failed.message}`;
      });
      tell({ kind: 'lost' });
    }
    postMessage({ id, error: message });
  }
});
