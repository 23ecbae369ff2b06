/** @file Peak memory of reading, of `arena prepare` and of loading the tokenizer, each in a process of its own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FIELDS, fieldsOf } from './data-texts.mjs';

/** Prints a table, over a Parquet file of so many megabytes (row groups of 4,000, Snappy). */
export async function measureMemory(texts, tokenizerPath, megabytes) {
  const folder = mkdtempSync(join(tmpdir(), 'arena-bench-'));
  try {
    const path = join(folder, 'votes.parquet');
    const battles = await writeParquet(texts, path, megabytes);
    console.log(`a Parquet file of ${(statSync(path).size / 1e6).toFixed(0)} MB, ${battles} battles\n`);
    const cli = fileURLToPath(new URL('../packages/cli/dist/bin.js', import.meta.url));
    const script = (code) => ['--input-type=module', '-e', code];
    const prepare = ['prepare', '--data', path, '--tokenizer', dirname(tokenizerPath), '--out', join(folder, 'out')];
    const steps = {
      'Node alone': ['-e', ''],
      'loading the tokenizer': script(
        `import { readFileSync } from 'node:fs'; import { loadTokenizer } from '@arena/tokenizer'; loadTokenizer(readFileSync(${JSON.stringify(tokenizerPath)}))`,
      ),
      'reading alone': script(
        `import { readBattles } from '@arena/data'; for await (const battle of readBattles(${JSON.stringify(path)}));`,
      ),
      'arena prepare': [cli, ...prepare],
    };
    console.log('| step | peak memory | wall |\n| --- | --- | --- |');
    for (const [step, args] of Object.entries(steps)) {
      const start = performance.now();
      const peak = peakOf(args);
      console.log(`| ${step} | ${peak.toFixed(0)} MB | ${((performance.now() - start) / 1000).toFixed(1)} s |`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Peak memory in MB of a Node process with these arguments. */
function peakOf(args) {
  // VmHWM where there is one: maxRSS of a child counts what it was forked from.
  const hook = `import { readFileSync } from 'node:fs';
    process.on('exit', () => {
      let status = '';
      try { status = readFileSync('/proc/self/status', 'utf8'); } catch {}
      console.error('peak ' + (/VmHWM:\\s*(\\d+)/.exec(status)?.[1] ?? process.resourceUsage().maxRSS));
    });`;
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, ...args],
    { cwd: import.meta.dirname, encoding: 'utf8' },
  );
  const peak = /peak (\d+)\n$/.exec(stderr);
  if (status !== 0 || !peak) throw new Error(stderr);
  return Number(peak[1]) / 1e3;
}

/** Votes of varied texts, answers of three texts each, until the file is large enough; returns how many. */
async function writeParquet({ rows, below, vary }, path, megabytes) {
  const { fileWriter, ParquetWriter, schemaFromColumnData } = await import('hyparquet-writer');
  const names = ['id', ...FIELDS, 'winner', 'model_a', 'model_b', 'language'];
  const columns = names.map((name) => ({ name, type: 'STRING', data: [''] }));
  const writer = fileWriter(path);
  const file = new ParquetWriter({ writer, schema: schemaFromColumnData({ columnData: columns }), codec: 'SNAPPY' });
  const text = (field) => vary(rows[below(rows.length)][field]);
  let count = 0;
  while (statSync(path).size < megabytes * 1e6) {
    const group = Array.from({ length: 4000 }, () => ({
      id: `${count++}`,
      ...fieldsOf((field) => Array.from({ length: field === 'prompt' ? 1 : 3 }, () => text(field)).join('\n')),
      winner: below(2) ? 'model_a' : 'model_b',
      model_a: `model-${below(20)}`,
      model_b: `model-${below(20)}`,
      language: 'English',
    }));
    const columnData = names.map((name) => ({ name, data: group.map((row) => row[name]) }));
    await file.write({ columnData, rowGroupSize: group.length });
  }
  await file.finish();
  return count;
}
