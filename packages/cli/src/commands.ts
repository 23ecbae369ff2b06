/** @file The commands of `arena`: what the help lists, and the module to load for each. */
import type { Command } from 'commander';

/** A command of `arena`. */
export interface CommandEntry {
  name: string;
  description: string;
  /** Whether all that it makes is printed: it ends when nobody reads on. Others keep files, and go on. */
  prints?: true;
  /** Loads the module with the command's flags and action. */
  load(): Promise<{ define(command: Command): void }>;
}

/** In the order of the help. */
export const COMMANDS: CommandEntry[] = [
  {
    name: 'doctor',
    description: 'show which engines work here, and why the others do not',
    prints: true,
    load: () => import('./commands/doctor.js'),
  },
  {
    name: 'describe',
    description: 'show what a base holds and what training on it takes; only config.json and file headers are read',
    prints: true,
    load: () => import('./commands/describe.js'),
  },
  {
    name: 'prepare',
    description: 'clean, split and tokenise votes into a folder for arena train and evaluate, with a data card',
    load: () => import('./commands/prepare.js'),
  },
  {
    name: 'quantize',
    description: 'write a checkpoint with its linear layers in 4 bits, as bitsandbytes and transformers save it',
    load: () => import('./commands/quantize.js'),
  },
  {
    name: 'train',
    description: 'train a LoRA adapter on votes, evaluate it, and leave adapter, log, splits, predictions and report',
    load: () => import('./commands/train.js'),
  },
  {
    name: 'sweep',
    description: 'train over a grid or random draws of flags, several runs at a time, and rank them by validation',
    load: () => import('./commands/sweep.js'),
  },
  {
    name: 'evaluate',
    description: 'score votes with a trained adapter and write predictions, metrics and the report',
    load: () => import('./commands/evaluate.js'),
  },
  {
    name: 'compare',
    description: 'compare runs on the same battles: scores with intervals, McNemar and paired bootstrap for each pair',
    prints: true,
    load: () => import('./commands/compare.js'),
  },
  {
    name: 'report',
    description: 'report on predictions of any judge (an LLM, a reward model, another tool) over the votes',
    load: () => import('./commands/report.js'),
  },
  {
    name: 'predict',
    description: 'print the probability that A is preferred, one JSON line a battle; with what else its head says',
    prints: true,
    load: () => import('./commands/predict.js'),
  },
  {
    name: 'serve',
    description: 'answer POST /predict with the probability that A is preferred, on this machine by default',
    load: () => import('./commands/serve.js'),
  },
  {
    name: 'merge',
    description: 'write a classifier checkpoint with the adapter folded into the base',
    load: () => import('./commands/merge.js'),
  },
  {
    name: 'export',
    description: 'write a judge as ONNX or GGUF, or a checkpoint in the form that transformers resumes from',
    load: () => import('./commands/export.js'),
  },
  {
    name: 'push',
    description:
      'upload an adapter, a run, or a merged, ONNX or GGUF folder to the hub, with a model card; private by default',
    load: () => import('./commands/push.js'),
  },
  {
    name: 'dashboard',
    description: 'a local page with the live charts of the runs in a folder',
    load: () => import('./commands/dashboard.js'),
  },
  {
    name: 'quickstart',
    description: 'the whole journey on synthetic votes and a tiny base of random weights',
    load: () => import('./commands/quickstart.js'),
  },
];

/** The command that a command line names. */
export function commandIn(argv: string[]): CommandEntry | undefined {
  const word = argv.find((one) => COMMANDS.some(({ name }) => name === one));
  return COMMANDS.find(({ name }) => name === word);
}
