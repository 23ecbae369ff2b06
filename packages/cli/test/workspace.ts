/** @file A tiny base, votes and a command line for the tests. */
import { readdirSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type Battle, syntheticBattles } from '@arena/data';
import { vi } from 'vitest';
import { main } from '../src/program.js';
import { writeTinyBase } from '../src/tiny-base.js';

export interface Run {
  code: number;
  out: string;
  err: string;
}

/** Runs `arena …` in this process and gives what it printed. @throws Error when it leaves a file of a workspace open. */
export async function arena(...argv: string[]): Promise<Run> {
  let out = '';
  let err = '';
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((line) => void (out += `${line}\n`)),
    vi.spyOn(console, 'error').mockImplementation((line) => void (err += `${line}\n`)),
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((out += text))),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((err += text))),
  ];
  const before = process.exitCode;
  process.exitCode = 0;
  const open = openFiles();
  try {
    await main(argv);
    const left = () => openFiles().filter((path) => !open.includes(path));
    for (let waits = 0; left().length && waits < 100; waits++) await setTimeout(50); // streams close after their reader
    if (left().length) throw new Error(`arena ${argv.join(' ')} left open: ${left().join(', ')}`);
    return { code: Number(process.exitCode), out, err };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}

/** The files of workspaces that this process has open (Linux; elsewhere none are seen). */
function openFiles(): string[] {
  const target = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // closed since, as the one that listed them is
    }
  };
  const fds = process.platform === 'linux' ? readdirSync('/proc/self/fd') : [];
  return fds.map(target).filter((path) => path.includes(WORKSPACE));
}

const WORKSPACE = 'arena-cli-';

export interface Workspace {
  folder: string;
  base: string;
  data: string;
  /** A path in the workspace. */
  at: (name: string) => string;
  /** Writes battles as jsonl and gives the path. */
  votes: (name: string, battles: Battle[]) => Promise<string>;
}

export const BATTLES = syntheticBattles({ count: 160, seed: 4 });

export async function workspace(): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), WORKSPACE));
  const at = (name: string) => join(folder, name);
  const base = at('base');
  await mkdir(base);
  await writeTinyBase(base, BATTLES, { hiddenSize: 32, layers: 2, vocabSize: 700 });
  const votes = async (name: string, battles: Battle[]) => {
    const rows = battles.map(({ id, prompt, responseA, responseB, winner }) => ({
      id,
      prompt: prompt[0],
      response_a: responseA[0],
      response_b: responseB[0],
      winner: winner === 'tie' ? 'tie' : `model_${winner}`,
    }));
    await writeFile(at(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return at(name);
  };
  return { folder, base, at, votes, data: await votes('votes.jsonl', BATTLES) };
}

/** Flags of a short training run. */
export const QUICK = [
  '--first-layer',
  '1',
  '--max-steps',
  '4',
  '--max-tokens',
  '256',
  '--frame',
  'compact',
  '--targets',
  'q_proj,down_proj',
];

/** `arena train` on the workspace's base and votes, for a few steps. */
export function quickTrain({ base, data, at }: Workspace, out: string, ...more: string[]): Promise<Run> {
  return arena('train', '--base', base, '--data', data, '--out', at(out), ...QUICK, ...more);
}
