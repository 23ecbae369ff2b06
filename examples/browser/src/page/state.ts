/** @file All that the page shows, as data, and what each change does to the rest: results go when what they came from goes. */
import type { Mark } from '@arena/eval/page';
import type {
  BaseInfo,
  BattleView,
  EngineInfo,
  Estimate,
  Evaluated,
  Event,
  Judgement,
  KeptBase,
  Naming,
  Pair,
  SavedRun,
  TableStart,
  TrainSettings,
  VotesChoice,
  VotesInfo,
} from '../protocol.js';

/** What the Worker is doing. */
interface Task {
  label: string;
  /** 0 to 1; null where nobody knows. */
  share: number | null;
  text: string;
  canStop: boolean;
}

/** A training, from its first step to its end. */
export interface Run {
  phase: 'training' | 'paused' | 'stopped' | 'done';
  step: number;
  totalSteps: number;
  tokensPerSecond: number;
  secondsLeft: number;
  /** Bytes that a step takes. */
  memory: number;
  losses: Mark[];
  measured: { step: number; loss: number; accuracy: number }[];
  /** P(A) of the pinned battle, from before the first step on. */
  pinned: { step: number; probabilityA: number }[];
}

/** What a link of another person says: the run to repeat, and what they and their judge got of ten. */
export interface Challenge {
  seed: number;
  form: Partial<TrainSettings>;
  judge?: number;
  person?: number;
}

/** A question to the person: which column is which. */
export interface Asked {
  choice: VotesChoice;
  table: TableStart;
  answers: Answers;
}

/** Names of columns; '' where none is chosen. */
export interface Answers {
  prompt: string;
  a: string;
  b: string;
  /** {@link FIRST_WON} where the first answer is always the preferred one. */
  winner: string;
  /** Values of the votes. */
  aWon: string;
  bWon: string;
  tie: string;
}

/** In place of a column of votes. */
export const FIRST_WON = '\0first';

export interface State {
  engine: EngineInfo | null;
  /** What the user asks for; `auto` lets the browser decide. */
  wanted: 'auto' | 'wasm' | 'webgpu';
  offersWebgpu: boolean;
  /** Whether the address is a safe one (https, or this machine): others have one thread and no storage. */
  isSafe: boolean;
  task: Task | null;
  /** The last thing that happened, in a sentence. */
  said: string;
  notes: string[];
  error: string | null;
  votes: VotesInfo | null;
  /** The files or data set that the votes are of, where they were not made up. */
  lastVotes: VotesChoice | null;
  /** Votes whose columns nobody knows, and what the person has said of them so far. */
  asked: Asked | null;
  /** Seed of the made-up votes. */
  seed: number;
  /** Battles that training never sees. */
  race: BattleView[];
  /** The person's votes on them, by id. */
  mine: Record<string, 'a' | 'b'>;
  /** Which of them is shown. */
  at: number;
  base: BaseInfo | null;
  kept: KeptBase[];
  /** Of bases of the list, by id. */
  estimates: Record<string, Estimate>;
  form: TrainSettings | null;
  run: Run | null;
  /** The battle that is judged while training. */
  pinned: BattleView | null;
  saved: SavedRun | null;
  hasJudge: boolean;
  evaluated: Evaluated | null;
  pair: Pair;
  judgement: Judgement | null;
  challenge: Challenge | null;
}

export const INITIAL: State = {
  engine: null,
  wanted: 'auto',
  offersWebgpu: false,
  isSafe: true,
  task: null,
  said: '',
  notes: [],
  error: null,
  votes: null,
  lastVotes: null,
  asked: null,
  seed: 42,
  race: [],
  mine: {},
  at: 0,
  base: null,
  kept: [],
  estimates: {},
  form: null,
  run: null,
  pinned: null,
  saved: null,
  hasJudge: false,
  evaluated: null,
  pair: { prompt: '', responseA: '', responseB: '' },
  judgement: null,
  challenge: null,
};

/** Without a judge nothing that it said stays. */
function withoutJudge(state: State): State {
  return { ...state, hasJudge: false, evaluated: null, judgement: null };
}

/** Other votes: what was trained on the old ones is no longer about what is shown. */
export function withVotes(state: State, votes: VotesInfo, race: BattleView[]): State {
  // a tiny base's tokenizer was made from the old votes
  const base = state.base?.tiny ? { base: null, form: null } : {};
  return {
    ...withoutJudge(state),
    ...base,
    votes,
    asked: null,
    estimates: {},
    race,
    mine: {},
    at: 0,
    run: null,
    pinned: null,
  };
}

/** A table whose columns nobody knows. What was asked before of the same files stays answered. */
export function withQuestion(state: State, choice: VotesChoice, table: TableStart): State {
  const answers = state.asked?.table.file === table.file ? state.asked.answers : guess(table);
  return { ...state, asked: { choice, table, answers } };
}

const LIKELY: Partial<Record<keyof Answers, RegExp>> = {
  prompt: /prompt|question|instruction|query|^q$/i,
  a: /(answer|response|output|completion|reply|text).*(a|1)$|^(chosen|first|left|a)$/i,
  b: /(answer|response|output|completion|reply|text).*(b|2)$|^(rejected|second|right|b)$/i,
  winner: /winner|label|vote|prefer|choice|better/i,
};

/** What the names of columns suggest. */
function guess({ columns }: TableStart): Answers {
  const of = (key: keyof Answers) => columns.find(({ name }) => LIKELY[key]?.test(name))?.name ?? '';
  return { prompt: of('prompt'), a: of('a'), b: of('b'), winner: of('winner'), aWon: '', bWon: '', tie: '' };
}

/** The answers as the reader takes them; undefined while some are missing. */
export function namingOf({ prompt, a, b, winner, aWon, bWon, tie }: Answers): Naming | undefined {
  const names = [prompt, a, b, winner];
  if (names.includes('') || new Set(names).size < names.length) return undefined;
  if (winner === FIRST_WON) return { columns: { prompt, chosen: a, rejected: b } };
  const values = Object.entries({ a: aWon, b: bWon, tie }).filter(([, value]) => value !== '');
  return {
    columns: { prompt, response_a: a, response_b: b, winner },
    ...(values.length ? { winnerValues: Object.fromEntries(values) } : {}),
  };
}

export function withBase(state: State, base: BaseInfo): State {
  return {
    ...withoutJudge(state),
    base,
    form: { ...base.form, ...(base.tiny ? state.challenge?.form : {}) },
    run: null,
    pinned: null,
  };
}

/** Another engine: the judge's tensors went with the old one. */
export function withEngine(state: State, engine: EngineInfo): State {
  return { ...withoutJudge(state), engine, estimates: {}, run: null, pinned: null };
}

export function withJudge(state: State): State {
  return { ...withoutJudge(state), hasJudge: true };
}

/** What the Worker tells while it works. */
export function afterEvent(state: State, event: Event): State {
  switch (event.kind) {
    case 'progress': {
      const { label, done, total, unit = '' } = event;
      const count = total ? `${number(done)} of ${number(total)} ${unit}` : `${number(done)} ${unit}`;
      return state.task
        ? {
            ...state,
            task: { ...state.task, share: total ? done / total : null, text: `${label}: ${count.trim()}` },
          }
        : state;
    }
    case 'votes':
      return withVotes(state, event.votes, []);
    case 'base':
      return withBase(state, event.base);
    case 'start': {
      const { totalSteps, memory } = event;
      const begun: Run = {
        ...{ phase: 'training', step: 0, totalSteps, memory, tokensPerSecond: 0, secondsLeft: Number.NaN },
        ...{ losses: [], measured: [], pinned: [] },
      };
      return { ...state, run: begun };
    }
    case 'step':
      return withRun(state, (run) => ({ ...run, ...event, losses: [...run.losses, { x: event.step, y: event.loss }] }));
    case 'measured':
      return withRun(state, (run) => ({ ...run, measured: [...run.measured, event] }));
    case 'pinned':
      return withRun(state, (run) => ({ ...run, pinned: [...run.pinned, event] }));
    case 'note':
      return state.notes.includes(event.text) ? state : { ...state, notes: [...state.notes, event.text] };
    case 'lost':
      return { ...withoutJudge(state), run: null };
  }
}

function withRun(state: State, change: (run: Run) => Run): State {
  return state.run ? { ...state, run: change(state.run) } : state;
}

/** Whether the person has done nothing yet: no vote, no votes or base of their own, no training. */
export function isUntouched({ mine, votes, base, run, hasJudge }: State): boolean {
  return !Object.keys(mine).length && (!votes || votes.ceiling !== undefined) && !base && !run && !hasJudge;
}

/** What keeps other tasks from beginning: the one that is under way. */
export function lockOf({ task }: Pick<State, 'task'>): string | false {
  return task ? task.label : false;
}

/** How many of the battles of the race a side has right; a person only of those that were voted on. */
export function raceCounts({ race, mine, evaluated }: Pick<State, 'race' | 'mine' | 'evaluated'>) {
  const right = (pick: (i: number) => 'a' | 'b' | undefined) =>
    race.filter(({ winner }, i) => pick(i) === winner).length;
  const by = (p: number[] | undefined) => (i: number) => p && (p[i] >= 0.5 ? 'a' : 'b');
  const person = (i: number) => mine[race[i].id];
  return {
    person: { right: right(person), of: race.filter((_, i) => person(i)).length },
    judge: right(by(evaluated?.race.judge)),
    longer: right(by(evaluated?.race.longer)),
    words: right(by(evaluated?.race.words)),
  };
}

function number(value: number): string {
  return value.toLocaleString('en');
}
