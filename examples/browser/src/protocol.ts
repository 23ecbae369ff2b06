/** @file What the page asks of the Worker, and what the Worker tells it meanwhile. */
import type { Description } from '@arena/data/describe';
import type { Column, WinnerValues } from '@arena/data/read';
import type { TrainingSettings } from '@arena/judge';
import type { EngineName } from '@arena/runtime';

export interface EngineInfo {
  name: string;
  /** Such as `2 threads` or the graphics adapter. */
  detail: string;
}

/** What columns and votes are called in a file: `{ prompt: 'question' }`, `{ a: '1' }`. */
export interface Naming {
  columns: Partial<Record<Column, string>>;
  winnerValues?: WinnerValues;
}

/** Files of votes, or a data set of Hugging Face's hub (`owner/name:split`). Without either: made-up votes, drawn by `seed`. */
export interface VotesChoice {
  files?: File[];
  hub?: { id: string; token?: string };
  seed?: number;
  /** Where the names differ from those of all known sets. */
  naming?: Naming;
}

/** The start of a table whose columns are of no known set, so that a person can say which is which. */
export interface TableStart {
  file: string;
  /** What the reader could not make of it. */
  why: string;
  /** The columns, and the values of those that have few short ones. */
  columns: { name: string; values: string[] }[];
  /** Cells of the first rows, cut [rows][columns]. */
  rows: string[][];
}

/** Votes that were left out, and where the first of them are. */
export interface Dropped {
  reason: string;
  count: number;
  examples: { row: number; text: string }[];
}

export interface VotesInfo {
  name: string;
  /** Highest accuracy that a judge of these votes can expect, where that is known: of made-up ones. */
  ceiling?: number;
  description: Description;
  dropped: Dropped[];
  parts: { train: number; validation: number; test: number };
}

/** A battle as it is shown. */
export interface BattleView {
  id: string;
  prompt: string[];
  responseA: string[];
  responseB: string[];
  winner: 'a' | 'b' | 'tie' | null;
}

/** What the judges without a person say of the battles of the race: P(A is preferred) [battles]. */
export interface RaceScores {
  judge: number[];
  /** "The longer answer wins"; 1/2 for equal lengths. */
  longer: number[];
  /** Word counts (tf-idf), fitted on the training part. */
  words: number[];
}

/** Accuracy of a predictor on the test part, with its 95 % interval. */
interface Score {
  name: string;
  accuracy: number;
  low: number | null;
  high: number | null;
}

export interface Evaluated {
  /** The report as a page. */
  html: string;
  scores: Score[];
  /** What the report says first. */
  sentence: string;
  race: RaceScores;
}

/** Where the base comes from. */
export type BaseChoice =
  | { kind: 'tiny' }
  /** One of {@link Tasks.keptBases}, by its folder. */
  | { kind: 'kept'; folder: string }
  /** A folder in Hugging Face's format, or a GGUF file. */
  | { kind: 'url'; url: string }
  /** A model of Hugging Face's hub: `owner/name`, its page's address, or a GGUF file of it. A token for gated ones. */
  | { kind: 'hub'; id: string; token?: string }
  /** Files of such a folder, which `name` names; or a GGUF file or all parts of one. */
  | { kind: 'files'; name: string; files: File[] };

/** What a training on the votes that are open would take on this machine. `memory`: bytes of a step. */
export interface Estimate {
  seconds: number;
  memory: number;
}

/** A base in the browser's private file system. */
export type KeptBase = { name: string; folder: string; bytes: number };

export interface BaseInfo {
  name: string;
  tiny: boolean;
  layers: number;
  hiddenSize: number;
  parameters: number;
  vocabulary: number;
  /** Settings that suit it, and the recipe that they are of. */
  form: TrainSettings;
  recipe?: string;
}

/** What the form asks for. */
export type TrainSettings = Pick<
  TrainingSettings,
  'rank' | 'firstLayer' | 'learningRate' | 'epochs' | 'batchSize' | 'accumulation' | 'maxTokens' | 'loss'
>;

/** A run that an earlier page left, under way or done. */
export interface SavedRun {
  step: number;
  totalSteps: number;
  done: boolean;
  votes: string;
  base: string;
}

/** A battle without a vote. */
export interface Pair {
  prompt: string;
  responseA: string;
  responseB: string;
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
  /** The start of the table where nobody knows its columns or the words of its votes. */
  useVotes(choice: VotesChoice): VotesInfo | { unnamed: TableStart };
  /** The start of the table, so that a person can say themselves which column is which. */
  peek(choice: VotesChoice): TableStart;
  battle(index: number): BattleView;
  /** Ten battles of the test part with a vote, which training never sees. */
  race(): BattleView[];
  useBase(choice: BaseChoice): BaseInfo;
  /** Measured on one layer of the base's shape, of which nothing is downloaded. An id of the page's list. */
  estimate(id: string): Estimate;
  keptBases(): KeptBase[];
  deleteBase(folder: string): void;
  /**
   * Ends when training does; true when it came to its end, false when it was stopped. `pinned`: the battle that is judged
   * at the start and again and again.
   */
  train(run: { form: TrainSettings; pinned?: Pair }): boolean;
  /** Opens the saved run's votes and base, and trains on where it was not done. */
  continueRun(): boolean;
  forgetRun(): void;
  setPaused(paused: boolean): void;
  /** Ends the task that is under way, whatever it is; that task then fails with 'stopped', or gives what it has. */
  stop(): void;
  evaluate(): Evaluated;
  judge(pair: Pair): Judgement;
  /** A zip with the adapter, and with the base where that is tiny: nobody else has it. */
  saveAdapter(): Uint8Array;
  /** A zip with the judge as an ONNX model. Of a tiny base alone. */
  saveOnnx(): Uint8Array;
  /** A zip that {@link Tasks.saveAdapter} gave, or the files of an adapter folder. */
  useAdapter(files: File[]): string;
}

export type TaskName = keyof Tasks;
export type Argument<K extends TaskName> = Parameters<Tasks[K]>[0];
export type Result<K extends TaskName> = ReturnType<Tasks[K]>;

/** What the Worker tells while it works. */
export type Event =
  /** `total` 0: not known. */
  | { kind: 'progress'; label: string; done: number; total: number; unit?: string }
  | { kind: 'votes'; votes: VotesInfo }
  | { kind: 'base'; base: BaseInfo }
  | { kind: 'start'; totalSteps: number; trained: number; memory: number }
  | { kind: 'step'; step: number; totalSteps: number; loss: number; tokensPerSecond: number; secondsLeft: number }
  | { kind: 'measured'; step: number; loss: number; accuracy: number }
  /** P(A) of the pinned battle. */
  | { kind: 'pinned'; step: number; probabilityA: number }
  | { kind: 'note'; text: string }
  /** The GPU failed, and a new device is open: no judge is. */
  | { kind: 'lost' };

export type Request = { id: number; task: TaskName; argument: unknown };
export type Reply = { id: number; result?: unknown; error?: string } | { event: Event };
