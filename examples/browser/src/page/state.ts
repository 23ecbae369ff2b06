/** @file All that the page shows, as data, and what each change does to the rest: results go when what they came from goes. */
import type { Mark } from '@arena/eval/page';
import type {
  BaseInfo,
  BattleView,
  EngineInfo,
  Evaluated,
  Event,
  Judgement,
  KeptBase,
  Pair,
  SavedRun,
  TrainSettings,
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

export interface State {
  engine: EngineInfo | null;
  /** What the user asks for; `auto` lets the browser decide. */
  wanted: 'auto' | 'wasm' | 'webgpu';
  offersWebgpu: boolean;
  task: Task | null;
  /** The last thing that happened, in a sentence. */
  said: string;
  notes: string[];
  error: string | null;
  votes: VotesInfo | null;
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
  task: null,
  said: '',
  notes: [],
  error: null,
  votes: null,
  seed: 42,
  race: [],
  mine: {},
  at: 0,
  base: null,
  kept: [],
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
  return { ...withoutJudge(state), ...base, votes, race, mine: {}, at: 0, run: null, pinned: null };
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
  return { ...withoutJudge(state), engine, run: null, pinned: null };
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
