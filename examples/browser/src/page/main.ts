/** @file The page: what its buttons ask of the Worker, and what comes back. */
import type { Argument, BaseChoice, BaseInfo, Event, SavedRun, TrainSettings, VotesInfo } from '../protocol.js';
import { runCharts } from './charts.js';
import { download, duration, facts, get, make, numberOf, percent } from './dom.js';
import { startWorker } from './worker-client.js';

const charts = runCharts();
const worker = startWorker(onEvent);
let battleIndex = 0;
let report = '';

/** The fields of the form. */
const FIELDS = {
  epochs: 'epochs',
  batchSize: 'batch-size',
  learningRate: 'learning-rate',
  rank: 'rank',
  firstLayer: 'first-layer',
  maxTokens: 'max-tokens',
} as const satisfies Record<keyof TrainSettings, string>;

function onEvent(event: Event): void {
  switch (event.kind) {
    case 'progress': {
      const { label, done, total } = event;
      showProgress(total ? done / total : null, total ? `${label}: ${done} of ${total}` : `${label}: ${done}`);
      break;
    }
    case 'votes':
      showVotes(event.votes);
      break;
    case 'base':
      showBase(event.base);
      break;
    case 'start':
      charts.clear();
      facts(get('train-facts'), [
        ['trained numbers', event.trained.toLocaleString()],
        ['memory of a step', `${Math.round(event.memory / 1e6).toLocaleString()} MB`],
      ]);
      break;
    case 'step': {
      const { step, totalSteps, loss, tokensPerSecond, secondsLeft } = event;
      charts.step(step, loss);
      const rate = `${Math.round(tokensPerSecond).toLocaleString()} tokens/s, ${duration(secondsLeft)} left`;
      // the step that was under way when the button was pressed comes in after it
      showProgress(step / totalSteps, `step ${step} of ${totalSteps}, ${isPaused() ? 'paused' : rate}`);
      break;
    }
    case 'measured':
      charts.measured(event.step, event.loss, event.accuracy);
      break;
    case 'note':
      showNote(event.text);
      break;
    case 'lost':
      judgeReady(false);
      void offerSaved();
  }
}

function say(text: string): void {
  get('status').textContent = text;
}

/** Each note of a task once, a line each. */
function showNote(text: string): void {
  const note = get('note');
  const lines = note.hidden ? [] : note.textContent!.split('\n');
  if (!lines.includes(text)) note.textContent = [...lines, text].join('\n');
  note.hidden = false;
}

function showProgress(share: number | null, text: string): void {
  const bar = get<HTMLProgressElement>('progress');
  bar.hidden = false;
  if (share === null) bar.removeAttribute('value');
  else bar.value = share;
  say(text);
}

/** Runs a task with everything but pause and stop locked; an error is shown and leaves the page usable. */
async function busy(what: string, body: () => Promise<string>): Promise<void> {
  const locked = [
    ...document.querySelectorAll<HTMLButtonElement>('button:enabled, input:enabled, select:enabled'),
  ].filter(({ id }) => id !== 'pause' && id !== 'stop');
  for (const element of locked) element.disabled = true;
  get('error').hidden = get('note').hidden = true;
  showProgress(null, what);
  try {
    say(await body());
  } catch (error) {
    say('');
    get('error').textContent = (error as Error).message;
    get('error').hidden = false;
  } finally {
    for (const element of locked) element.disabled = false;
    get('progress').hidden = true;
  }
}

function showVotes({ name, description, dropped, parts }: VotesInfo): void {
  const { battles, prompts, labels, longerWins, aWins, detectedLanguages, languages, characters } = description;
  const counts = (list: { name: string; count: number }[]) =>
    list
      .slice(0, 6)
      .map((one) => `${one.name} ${one.count.toLocaleString()}`)
      .join(', ');
  facts(get('votes-facts'), [
    ['from', name],
    ['battles', `${battles.toLocaleString()} with ${prompts.toLocaleString()} prompts`],
    ['left out', dropped.map(({ reason, count }) => `${reason} ${count}`).join(', ') || 'none'],
    ['votes', counts(labels)],
    ['A wins', percent(aWins)],
    ['the longer answer wins', percent(longerWins)],
    ['languages', counts(languages.some((one) => one.name !== 'unknown') ? languages : detectedLanguages)],
    ['characters of an answer (median)', `${characters.responseA.median} and ${characters.responseB.median}`],
    ['parts', `${parts.train} to train, ${parts.validation} to watch, ${parts.test} to test`],
  ]);
  get('votes-shown').hidden = false;
  get<HTMLFieldSetElement>('base-fields').disabled = false;
  judgeReady(false);
  void showBattle(0);
}

async function showBattle(index: number): Promise<void> {
  const battle = await worker.ask('battle', index);
  battleIndex = index;
  get('battle-place').textContent = `${index + 1} of ${battle.total}`;
  get<HTMLButtonElement>('battle-before').disabled = index === 0;
  get<HTMLButtonElement>('battle-next').disabled = index + 1 >= battle.total;
  const answer = (side: 'a' | 'b', turns: string[]) => {
    const won = battle.winner === side;
    const title = `Answer ${side.toUpperCase()}${won ? ', preferred' : battle.winner === 'tie' ? ', tie' : ''}`;
    return make(
      'div',
      {},
      make('h3', won ? { class: 'won' } : {}, title),
      make('pre', { tabindex: '0' }, turns.join('\n\n')),
    );
  };
  get('battle').replaceChildren(
    make('pre', { tabindex: '0' }, battle.prompt.join('\n\n')),
    make('div', { class: 'answers' }, answer('a', battle.responseA), answer('b', battle.responseB)),
  );
}

function showBase({ name, layers, hiddenSize, parameters, vocabulary, form }: BaseInfo): void {
  facts(get('base-facts'), [
    ['base', name],
    ['shape', `${layers} layers of width ${hiddenSize.toLocaleString()}, ${vocabulary.toLocaleString()} tokens`],
    ['parameters', parameters.toLocaleString()],
  ]);
  for (const [key, id] of Object.entries(FIELDS)) {
    get<HTMLInputElement>(id).value = String(form[key as keyof TrainSettings]);
  }
  get<HTMLInputElement>('first-layer').max = String(layers - 1);
  get<HTMLFieldSetElement>('train-fields').disabled = false;
  get<HTMLInputElement>('adapter-files').disabled = false;
  judgeReady(false);
}

function judgeReady(ready: boolean): void {
  get<HTMLButtonElement>('evaluate').disabled = !ready;
  get<HTMLFieldSetElement>('try-fields').disabled = !ready;
  get<HTMLButtonElement>('adapter-save').disabled = !ready;
}

const useVotes = (files: File[] | null) =>
  busy('reading votes', async () => {
    const [columns, winnerValues] = ['votes-columns', 'votes-values'].map((id) =>
      get<HTMLInputElement>(id).value.trim(),
    );
    showVotes(await worker.ask('useVotes', { files, columns, winnerValues }));
    return 'votes are ready: choose a base';
  });

const useBase = (choice: BaseChoice) =>
  busy('opening the base', async () => {
    showBase(await worker.ask('useBase', choice));
    await offerKeptBases();
    return 'base is ready: train';
  });

async function offerKeptBases(): Promise<void> {
  const kept = await worker.ask('keptBases');
  get('base-kept').replaceChildren(...kept.map(({ name, folder }) => make('option', { value: folder }, name)));
  get('base-kept-row').hidden = !kept.length;
}

async function training(start: () => Promise<boolean>): Promise<void> {
  const [pause, stop] = [get<HTMLButtonElement>('pause'), get<HTMLButtonElement>('stop')];
  get('saved').hidden = true;
  await busy('preparing to train', async () => {
    pause.disabled = stop.disabled = false;
    try {
      const ended = await start();
      judgeReady(true);
      if (ended) return 'trained: evaluate it, or try it';
      await offerSaved();
      return 'stopped; you can try what it has learned';
    } finally {
      pause.disabled = stop.disabled = true;
      setPaused(false);
    }
  });
}

function isPaused(): boolean {
  return get('pause').getAttribute('aria-pressed') === 'true';
}

function setPaused(paused: boolean): void {
  const button = get('pause');
  button.setAttribute('aria-pressed', String(paused));
  button.textContent = paused ? 'Go on' : 'Pause';
}

/** Shows the run that an earlier page, or a stop, left. */
async function offerSaved(): Promise<void> {
  const saved: SavedRun | null = await worker.ask('savedRun');
  get('saved').hidden = !saved;
  if (!saved) return;
  const { votes, base, step, totalSteps, done } = saved;
  get('saved-title').textContent = done ? 'A trained judge is kept here' : 'A run was under way';
  get('saved-text').textContent = `${votes} with ${base}: step ${step} of ${totalSteps} is kept in this browser.`;
  get('continue').textContent = done ? 'Open it' : 'Go on with it';
}

function on(id: string, body: () => unknown): void {
  get(id).addEventListener('click', () => void body());
}

/** Takes files that are chosen in an input, or dropped on the element around it while the input is enabled. */
function takeFiles(inputId: string, dropId: string, use: (files: File[]) => unknown): void {
  const [input, drop] = [get<HTMLInputElement>(inputId), get(dropId)];
  const take = (list: FileList | null | undefined) => {
    const files = [...(list ?? [])];
    if (files.length && !input.matches(':disabled')) void use(files);
  };
  input.addEventListener('change', () => take(input.files));
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    take(event.dataTransfer?.files);
  });
}

takeFiles('votes-files', 'drop', useVotes);
on('votes-synthetic', () => useVotes(null));
on('battle-before', () => showBattle(battleIndex - 1));
on('battle-next', () => showBattle(battleIndex + 1));
on('base-tiny', () => useBase({ kind: 'tiny' }));
on('base-load', () => useBase({ kind: 'url', url: get<HTMLInputElement>('base-url').value.trim() }));
get<HTMLInputElement>('base-folder').addEventListener('change', ({ target }) => {
  const files = [...((target as HTMLInputElement).files ?? [])];
  const name = files[0]?.webkitRelativePath.split('/')[0] ?? '';
  if (files.length) void useBase({ kind: 'files', name, files });
});
takeFiles('base-files', 'base-drop', (files) => useBase({ kind: 'files', name: '', files }));
on('base-open', () => useBase({ kind: 'kept', folder: get<HTMLSelectElement>('base-kept').value }));
get('train-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = Object.fromEntries(Object.entries(FIELDS).map(([key, id]) => [key, numberOf(id)]));
  void training(() => worker.ask('train', form as unknown as TrainSettings));
});
on('continue', () => training(() => worker.ask('continueRun')));
on('forget', async () => {
  await worker.ask('forgetRun');
  await offerSaved();
});
on('pause', () => {
  const paused = !isPaused();
  setPaused(paused);
  if (paused) say('paused after this step');
  return worker.ask('setPaused', paused);
});
on('stop', () => worker.ask('stop'));
on('evaluate', () =>
  busy('scoring the test votes', async () => {
    const { html, table } = await worker.ask('evaluate');
    report = html;
    const lines = table.trimEnd().split('\n');
    get('table').textContent = lines.slice(0, -1).join('\n');
    get('sentence').textContent = lines.at(-1)!;
    get('table').hidden = get('report-box').hidden = get('report-save').hidden = false;
    get<HTMLIFrameElement>('report').srcdoc = html;
    return 'evaluated';
  }),
);
on('report-save', () => download('report.html', new TextEncoder().encode(report), 'text/html'));
get('try-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const field = (id: string) => get<HTMLTextAreaElement>(id).value;
  const battle = { prompt: field('try-prompt'), responseA: field('try-a'), responseB: field('try-b') };
  void busy('reading both answers', async () => {
    const { mean, asGiven, exchanged, margin } = await worker.ask('judge', battle);
    const bar = make('div', { class: 'bar', role: 'img', 'aria-label': `A ${percent(mean)}, B ${percent(1 - mean)}` });
    const share = make('span');
    share.style.width = `${100 * mean}%`;
    bar.append(share, make('span'));
    const preferred = mean > 0.5 ? 'A' : 'B';
    get('verdict').replaceChildren(
      make('p', {}, `People would prefer ${preferred}: A ${percent(mean)}, B ${percent(1 - mean)}.`),
      bar,
      make('p', { class: 'soft' }, `A first: ${percent(asGiven)} for A. B first: ${percent(exchanged)} for A.`),
      ...(margin === undefined
        ? []
        : [
            make(
              'p',
              { class: 'soft' },
              `By the model's margin alone, without temperature and style: ${percent(margin)} for A.`,
            ),
          ]),
    );
    return 'judged';
  });
});
on('adapter-save', () =>
  busy('packing the adapter', async () => {
    download('adapter.zip', await worker.ask('saveAdapter'), 'application/zip');
    return 'saved: PEFT loads the folder in it';
  }),
);
get<HTMLInputElement>('adapter-files').addEventListener('change', ({ target }) => {
  const files = [...((target as HTMLInputElement).files ?? [])];
  if (!files.length) return;
  void busy('opening the adapter', async () => {
    const name = await worker.ask('useAdapter', files);
    judgeReady(true);
    return `${name} is open`;
  });
});

const choice = get<HTMLSelectElement>('engine-choice');

/** Opens an engine, and says which one computes. */
async function openEngine(name: string): Promise<void> {
  const { name: opened, detail } = await worker.ask('open', name as Argument<'open'>);
  get('engine').textContent = `engine ${opened}, ${detail}`;
}

choice.addEventListener('change', () => {
  const { value } = choice;
  void busy('opening the engine', async () => {
    judgeReady(false);
    try {
      await openEngine(value);
    } catch (error) {
      choice.value = new URLSearchParams(location.search).get('engine') ?? 'auto';
      throw error;
    }
    // a reload keeps the choice
    const address = new URL(location.href);
    address.searchParams.set('engine', value);
    history.replaceState(null, '', address);
    await offerSaved();
    return 'engine is ready';
  });
});

async function offerWebgpu(): Promise<void> {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  const option = choice.querySelector<HTMLOptionElement>('[value=webgpu]')!;
  option.disabled = !adapter;
  option.textContent = adapter ? 'WebGPU' : 'WebGPU (this browser offers no GPU)';
}

// ?engine=webgpu in the address asks for that engine
const wanted = new URLSearchParams(location.search).get('engine') ?? 'auto';
await offerWebgpu();
if ([...choice.options].some(({ value }) => value === wanted)) choice.value = wanted;
await openEngine(wanted).catch((error: Error) => {
  get('error').textContent = error.message;
  get('error').hidden = false;
  get('engine').textContent = 'no engine';
});
choice.disabled = false;
await offerKeptBases();
await offerSaved();
