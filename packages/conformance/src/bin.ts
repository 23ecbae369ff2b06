/** @file `pnpm conformance --fixtures DIR [--engine NAME] [--json]`: golden cases through the public API. */

import { type EngineName, openEngine, provideEngine } from '@arena/runtime';
import { Command, Option } from 'commander';
import { folderSource } from './node-source.js';
import { type CaseResult, runCase } from './run.js';

const program = new Command('conformance')
  .description('Runs every golden case below a folder; exits with 1 when one fails.')
  .requiredOption('--fixtures <dir>', 'folder with <area>/<case>/case.json')
  .addOption(
    new Option('--engine <name>', 'engine to run on')
      .choices(['cpu', 'wasm', 'webgpu', 'cuda', 'tensorflow'])
      .default('cpu'),
  )
  .option('--json', 'one JSON object a case instead of lines for people', false)
  .option('--verbose', 'name every check that failed', false);

program.parse();
const {
  fixtures,
  engine: engineName,
  json,
  verbose,
} = program.opts<{ fixtures: string; engine: EngineName; json: boolean; verbose: boolean }>();

function print(result: CaseResult) {
  if (json) {
    console.log(
      JSON.stringify({
        ...result,
        largestError: Number.isFinite(result.largestError) ? result.largestError : 'Infinity',
      }),
    );
    return;
  }
  const name = `${result.area}/${result.case}`.padEnd(32);
  if (result.status === 'not run') console.log(`not run  ${name} ${result.where}`);
  else {
    const error = `largest error ${result.largestError.toPrecision(2)} of its tolerance (${result.where})`;
    console.log(`${result.status}   ${name} ${String(result.checks).padStart(4)} checks, ${error}`);
  }
  if (verbose) for (const failure of result.failures) console.log(`           ${failure}`);
}

try {
  provideEngine('cuda', async () => (await import('@arena/cuda')).cudaEngine);
  const source = await folderSource(fixtures);
  const engine = await openEngine(engineName);
  const results: CaseResult[] = [];
  for (const folder of source.folders) {
    const result = await runCase(source, folder);
    results.push(result);
    print(result);
  }
  engine.dispose();
  const count = (status: CaseResult['status']) => results.filter((result) => result.status === status).length;
  if (!json) console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('not run')} not run`);
  process.exitCode = count('failed') ? 1 : 0;
} catch (error) {
  console.error(`conformance: ${(error as Error).message}`);
  process.exitCode = 1;
}
