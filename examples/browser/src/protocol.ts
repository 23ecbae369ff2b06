/** @file What the page asks of the Worker, and what the Worker tells it meanwhile. */
import type { Description } from '@arena/data/describe';
import type { TrainingSettings } from '@arena/judge';
import type { EngineName } from '@arena/runtime';

interface EngineInfo {
  name: string;
  /** Such as `2 threads` or the graphics adapter. */
  detail: string;
}

/** Files of votes, and what their columns and votes are called where that differs: "prompt=question", "a=1,b=0". */
export interface VotesChoice {
  /** null: the built-in synthetic votes. */
  files: File[] | null;
  columns?: string;
  winnerValues?: string;
}

export interface VotesInfo {
  name: string;
  description: Description;
  /** Battles left out, by reason. */
  dropped: { reason: string; count: number }[];
  parts: { train: number; validation: number; test: number };
}

interface BattleView {
  index: number;
  total: number;
  prompt: string[];
  responseA: string[];
  responseB: string[];
  winner: 'a' | 'b' | 'tie' | null;
}

/** Where the base comes from. */
export type BaseChoice =
  | { kind: 'tiny' }
  /** One of {@link Tasks.keptBases}, by its folder. */
  | { kind: 'kept'; folder: string }
  /** A folder in Hugging Face's format, or a GGUF file. */
  | { kind: 'url'; url: string }
  /** Files of such a folder, which `name` names; or a GGUF file or all parts of one. */
  | { kind: 'files'; name: string; files: File[] };

/** A base in the browser's private file system. */
export type KeptBase = { name: string; folder: string };

export interface BaseInfo {
  name: string;
  layers: number;
  hiddenSize: number;
  parameters: number;
  vocabulary: number;
  /** Settings that suit it. */
  form: TrainSettings;
}

/** What the form asks for. */
export type TrainSettings = Pick<
  TrainingSettings,
  'rank' | 'firstLayer' | 'learningRate' | 'epochs' | 'batchSize' | 'maxTokens'
>;

/** A run that an earlier page left, under way or done. */
export interface SavedRun {
  step: number;
  totalSteps: number;
  done: boolean;
  votes: string;
  base: string;
}

export interface Judgement {
  /** P(A is preferred) as the answers stand, with A and B exchanged (still for A), and their mean. */
  asGiven: number;
  exchanged: number;
  mean: number;
  /** The mean by the judge's margin alone, where its style is in the others. */
  margin?: number;
}

/** Tasks of the Worker. Each gives a promise on the page's side. */
interface Tasks {
  /** Opens an engine in place of the one that is open; what was trained on that one and not kept is gone. */
  open(engine: EngineName | 'auto'): EngineInfo;
  savedRun(): SavedRun | null;
  useVotes(choice: VotesChoice): VotesInfo;
  battle(index: number): BattleView;
  useBase(choice: BaseChoice): BaseInfo;
  keptBases(): KeptBase[];
  /** Ends when training does; true when it came to its end, false when it was stopped. */
  train(settings: TrainSettings): boolean;
  /** Opens the saved run's votes and base, and trains on where it was not done. */
  continueRun(): boolean;
  forgetRun(): void;
  setPaused(paused: boolean): void;
  stop(): void;
  /** The report as a page, and its table as text. */
  evaluate(): { html: string; table: string };
  judge(battle: { prompt: string; responseA: string; responseB: string }): Judgement;
  /** The adapter folder as a zip. */
  saveAdapter(): Uint8Array;
  /** A zip that {@link Tasks.saveAdapter} gave, or the files of an adapter folder. */
  useAdapter(files: File[]): string;
}

export type TaskName = keyof Tasks;
export type Argument<K extends TaskName> = Parameters<Tasks[K]>[0];
export type Result<K extends TaskName> = ReturnType<Tasks[K]>;

/** What the Worker tells while it works. */
export type Event =
  | { kind: 'progress'; label: string; done: number; total: number }
  | { kind: 'votes'; votes: VotesInfo }
  | { kind: 'base'; base: BaseInfo }
  | { kind: 'start'; totalSteps: number; trained: number; memory: number }
  | { kind: 'step'; step: number; totalSteps: number; loss: number; tokensPerSecond: number; secondsLeft: number }
  | { kind: 'measured'; step: number; loss: number; accuracy: number }
  | { kind: 'note'; text: string }
  /** The GPU failed, and a new device is open: no judge is. */
  | { kind: 'lost' };

export type Request = { id: number; task: TaskName; argument: unknown };
export type Reply = { id: number; result?: unknown; error?: string } | { event: Event };
