/** @file What a person can do: each action asks the Worker, and changes the state by what comes back. */
import type { BaseChoice, Pair, TrainSettings, VotesChoice } from '../protocol.js';
import { current, update, updateInFrame } from './app.js';
import { BASES } from './bases.js';
import {
  type Answers,
  afterEvent,
  type State,
  withBase,
  withEngine,
  withJudge,
  withQuestion,
  withVotes,
} from './state.js';
import { startWorker } from './worker-client.js';

const worker = startWorker(
  (event) => updateInFrame((state) => afterEvent(state, event)),
  ({ message }) => update({ error: message, task: null }),
);

/**
 * Runs one task with the others locked. An error is shown and leaves the page usable.
 * @param body Gives what to say at the end.
 */
async function task(label: string, body: () => Promise<string>, canStop = false): Promise<void> {
  if (current().task) return;
  update({ task: { label, share: null, text: label, canStop }, error: null, notes: [] });
  try {
    const said = await body();
    update({ said });
  } catch (error) {
    const { message } = error as Error;
    if (message === 'stopped') update({ said: 'Stopped.' });
    else update({ said: '', error: message });
  } finally {
    update({ task: null });
  }
}

/** False where the person has to say first which column is which. */
async function readVotes(choice: VotesChoice): Promise<boolean> {
  const votes = await worker.ask('useVotes', choice);
  if ('unnamed' in votes) {
    update((state) => withQuestion(state, choice, votes.unnamed));
    return false;
  }
  const race = await worker.ask('race');
  update((state) => ({
    ...withVotes(state, votes, race),
    lastVotes: choice.files || choice.hub ? choice : null,
  }));
  return true;
}

/** Lets the person say of the votes that are open which column is which. */
export const askColumns = () =>
  task('Reading the first rows', async () => {
    const choice = current().lastVotes!;
    const table = await worker.ask('peek', choice);
    update((state) => withQuestion(state, choice, table));
    return 'Say which column is which.';
  });

export const useVotes = (choice: VotesChoice) =>
  task(
    'Reading the votes',
    async () => {
      return (await readVotes(choice)) ? 'The votes are ready.' : 'Say which column is which.';
    },
    true,
  );

/** What the person says of a column. The values of the votes are those of their column. */
export function answer(given: Partial<Answers>): void {
  const change = given.winner === undefined ? given : { ...given, aWon: '', bWon: '', tie: '' };
  update((state) => ({
    ...state,
    asked: state.asked && { ...state.asked, answers: { ...state.asked.answers, ...change } },
  }));
}

async function openBase(choice: BaseChoice): Promise<void> {
  const base = await worker.ask('useBase', choice);
  update((state) => withBase(state, base));
  update({ kept: await worker.ask('keptBases') });
}

export const useBase = (choice: BaseChoice) =>
  task(
    'Opening the base',
    async () => {
      await navigator.storage?.persist?.().catch(() => false); // else the browser may take gigabytes away again
      await openBase(choice);
      return 'The base is ready.';
    },
    true,
  );

/** Measures what each base of the list would take. */
export const estimateBases = () =>
  task(
    'Measuring this machine',
    async () => {
      for (const { id } of BASES) {
        update((state) => ({ ...state, task: state.task && { ...state.task, text: `Measuring a layer of ${id}` } }));
        const estimate = await worker.ask('estimate', id);
        update(({ estimates, ...state }) => ({ ...state, estimates: { ...estimates, [id]: estimate } }));
      }
      return 'Measured.';
    },
    true,
  );

export const deleteBase = (folder: string) =>
  task('Deleting the base', async () => {
    await worker.ask('deleteBase', folder);
    update({ kept: await worker.ask('keptBases') });
    return 'The base is deleted.';
  });

/** Votes, base, training, evaluation: whatever is missing, one after another. */
export const train = () =>
  task(
    'Preparing',
    async () => {
      if (!current().votes) await readVotes({ seed: current().seed });
      if (!current().base) await openBase({ kind: 'tiny' });
      const { form, race, at } = current();
      update({ saved: null, pinned: race[at] ?? null });
      return following(() => worker.ask('train', { form: form!, pinned: race[at] && pairOf(race[at]) }));
    },
    true,
  );

export const continueRun = () =>
  task(
    'Opening the saved run',
    async () => {
      update({ saved: null });
      return following(async () => {
        const ended = await worker.ask('continueRun');
        update({ race: await worker.ask('race') });
        return ended;
      });
    },
    true,
  );

/** A training to its end, and what it is worth. */
async function following(start: () => Promise<boolean>): Promise<string> {
  const ended = await start().catch((error: Error) => {
    update((state) => ({ ...state, run: state.run && { ...state.run, phase: 'stopped' } }));
    throw error;
  });
  update((state) => ({ ...withJudge(state), run: state.run && { ...state.run, phase: ended ? 'done' : 'stopped' } }));
  if (!ended) {
    await offerSaved();
    return 'Stopped. You can try what it has learned so far.';
  }
  await measureJudge();
  return 'Trained. Below is how it does.';
}

async function measureJudge(): Promise<void> {
  const evaluated = await worker.ask('evaluate');
  update({ evaluated });
}

export const evaluate = () =>
  task(
    'Scoring votes it has not seen',
    async () => {
      await measureJudge();
      return 'Measured.';
    },
    true,
  );

export function pause(paused: boolean): void {
  update((state) => ({ ...state, run: state.run && { ...state.run, phase: paused ? 'paused' : 'training' } }));
  void worker.ask('setPaused', paused);
}

export function stop(): void {
  update((state) => ({ ...state, task: state.task && { ...state.task, text: 'Stopping', canStop: false } }));
  void worker.ask('stop');
}

export async function forgetRun(): Promise<void> {
  if (!confirm('Forget the run that is kept in this browser? This cannot be undone.')) return;
  await task('Forgetting the run', async () => {
    await worker.ask('forgetRun');
    await offerSaved();
    return 'The saved run is gone.';
  });
}

async function offerSaved(): Promise<void> {
  update({ saved: await worker.ask('savedRun').catch(() => null) });
}

/** The person's vote on the battle that is shown. */
export function vote(side: 'a' | 'b'): void {
  update((state) => {
    const battle = state.race[state.at];
    if (!battle || state.mine[battle.id]) return state;
    return { ...state, mine: { ...state.mine, [battle.id]: side } };
  });
}

export function goTo(at: number): void {
  update((state) => (state.race[at] ? { ...state, at } : state));
}

export function edit(change: Partial<Pair>): void {
  update((state) => ({ ...state, pair: { ...state.pair, ...change }, judgement: null }));
  plan();
}

/** Milliseconds after the last key until the judge reads what was typed. */
const PATIENCE = 400;
let planned: ReturnType<typeof setTimeout> | undefined;

/** A tiny judge answers as one types; a large one is asked by the button. */
function plan(): void {
  clearTimeout(planned);
  const { base, hasJudge, pair } = current();
  if (!(hasJudge && base?.tiny && isWhole(pair))) return;
  // while another task is under way, it waits
  planned = setTimeout(() => (current().task ? plan() : void judge()), PATIENCE);
}

export function isWhole({ prompt, responseA, responseB }: Pair): boolean {
  return Boolean(prompt.trim() && responseA.trim() && responseB.trim());
}

export const judge = () =>
  task('Reading both answers', async () => {
    const { pair } = current();
    const judgement = await worker.ask('judge', pair);
    // what was typed meanwhile is another battle
    if (current().pair === pair) update({ judgement });
    else plan();
    return 'Judged.';
  });

export const saveAway = () =>
  task('Packing', async () => {
    download('judge.zip', await worker.ask('saveAdapter'), 'application/zip');
    return 'Saved as judge.zip.';
  });

export const saveOnnx = () =>
  task('Writing the ONNX model', async () => {
    download('judge-onnx.zip', await worker.ask('saveOnnx'), 'application/zip');
    return 'Saved as judge-onnx.zip.';
  });

export const openAdapter = (files: File[]) =>
  task(
    'Opening the adapter',
    async () => {
      const name = await worker.ask('useAdapter', files);
      update(withJudge);
      return `The ${name} is open.`;
    },
    true,
  );

export const setEngine = (wanted: State['wanted']) =>
  task('Opening the engine', async () => {
    const before = current().wanted;
    update({ wanted });
    const engine = await worker.ask('open', wanted).catch((error) => {
      update({ wanted: before });
      throw error;
    });
    update((state) => withEngine(state, engine));
    // a reload keeps the choice
    const address = new URL(location.href);
    address.searchParams.set('engine', wanted);
    history.replaceState(null, '', address);
    await offerSaved();
    return `Computes with ${engine.name}.`;
  });

export function setForm(change: Partial<TrainSettings>): void {
  update((state) => ({ ...state, form: state.form && { ...state.form, ...change } }));
}

/** Opens the engine and reads the made-up votes, so that the first screen has a battle on it. */
export const begin = () =>
  task('Starting the engine', async () => {
    const engine = await worker.ask('open', current().wanted);
    update((state) => withEngine(state, engine));
    await readVotes({ seed: current().seed });
    update({ kept: await worker.ask('keptBases').catch(() => []) });
    await offerSaved();
    return '';
  });

export function download(name: string, content: Uint8Array | Blob, type: string): void {
  const url = URL.createObjectURL(
    content instanceof Blob ? content : new Blob([content as Uint8Array<ArrayBuffer>], { type }),
  );
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function pairOf({
  prompt,
  responseA,
  responseB,
}: {
  prompt: string[];
  responseA: string[];
  responseB: string[];
}): Pair {
  return { prompt: prompt.join('\n\n'), responseA: responseA.join('\n\n'), responseB: responseB.join('\n\n') };
}
