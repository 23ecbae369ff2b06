/** @file Walks a folder of golden cases and runs every case that is known through the packages' public API. */
import { type Case, type CaseJson, type CaseSource, type Check, MissingInput, readJson } from './case.js';
import { dataCase } from './data.js';
import { gemmaCase } from './gemma.js';
import { ggufCase } from './gguf.js';
import { loraCase } from './lora.js';
import { metricsCase } from './metrics.js';
import { nf4Case } from './nf4.js';
import { tokenizerCase } from './tokenizer.js';
import { trainerCase } from './trainer.js';

/** A case's checks; undefined when this kind of case is not known. */
type CaseRunner = (one: Case) => Promise<Check[] | undefined>;

const AREAS: Record<string, CaseRunner> = {
  data: dataCase,
  gemma: gemmaCase,
  gguf: ggufCase,
  lora: loraCase,
  metrics: metricsCase,
  nf4: nf4Case,
  tokenizer: tokenizerCase,
  trainer: trainerCase,
};

/** The result of one golden case. A case does not run when no runner knows its kind or an input is missing. */
export interface CaseResult {
  area: string;
  case: string;
  status: 'passed' | 'failed' | 'not run';
  checks: number;
  /** Largest error in units of its tolerance; 0 when everything is equal. */
  largestError: number;
  /** Where the largest error was, or what went wrong. */
  where: string;
  /** Names of the checks that failed. */
  failures: string[];
}

/** Runs one case. */
export async function runCase(source: CaseSource, folder: string): Promise<CaseResult> {
  const [folderArea = '', ...rest] = folder.split('/');
  const blank = { area: folderArea, case: rest.join('/'), checks: 0, largestError: 0, where: '', failures: [] };
  const one: Case = { source, folder, area: folderArea, name: '', json: {} };
  try {
    const json = await readJson<CaseJson>(one, 'case.json');
    const area = typeof json.area === 'string' ? json.area : folderArea;
    const name = typeof json.case === 'string' ? json.case : rest.join('/') || area;
    const named = { ...blank, area, case: name };
    const runner = Object.hasOwn(AREAS, area) ? AREAS[area] : undefined;
    const checks = await runner?.({ ...one, area, name, json });
    if (!checks) return { ...named, status: 'not run', where: 'no runner knows this kind of case' };
    if (!checks.length) return { ...named, status: 'failed', where: 'the case compares nothing' };
    const failures = checks.filter(({ error }) => !(error <= 1));
    const worst = checks.reduce((a, b) => (b.error > a.error ? b : a));
    return {
      ...named,
      status: failures.length ? 'failed' : 'passed',
      checks: checks.length,
      largestError: worst.error,
      where: worst.name,
      failures: failures.map((check) => check.name),
    };
  } catch (error) {
    if (error instanceof MissingInput) return { ...blank, status: 'not run', where: error.message };
    return {
      ...blank,
      status: 'failed',
      largestError: Infinity,
      where: (error as Error).stack ?? String(error),
      failures: ['error'],
    };
  }
}
