/**
 * @file From nothing to the first battle's answer: `node bench/first-answer.mjs --base DIR|FILE.gguf [--adapter DIR] [--threads 2] [--rounds 3]`.
 * Prints seconds of each part and peak memory of a process that does this alone, a round each. Without --adapter the head is a new one.
 */
import { execFileSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
  options: {
    base: { type: 'string' },
    adapter: { type: 'string' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    child: { type: 'boolean' },
  },
});
if (!flags.base) throw new Error('--base: a checkpoint, such as what `node tools/gemma3-270m.mjs` prints');
if (flags.child) await answer();
else compare();

function compare() {
  console.log(`${cpus().length} x ${cpus()[0].model.trim()}, node ${process.version}, load ${loadavg()[0].toFixed(2)}`);
  const script = fileURLToPath(import.meta.url);
  for (let round = 0; round < Number(flags.rounds); round++) {
    console.log(
      execFileSync(process.execPath, [script, ...process.argv.slice(2), '--child'], { encoding: 'utf8' }).trim(),
    );
  }
}

async function answer() {
  const parts = {};
  let last = 0; // the process began then
  const part = (name) => {
    const now = process.uptime();
    parts[name] = Number((now - last).toFixed(2));
    last = now;
  };
  const { openEngine } = await import('@arena/runtime');
  const { packer, syntheticBattles } = await import('@arena/data');
  const { scoreSequences } = await import('@arena/decoder');
  const { loadGemma } = await import('@arena/gemma');
  const { openBase } = await import('@arena/judge/run');
  const { loadAdapter } = await import('@arena/lora');
  part('imports');
  await openEngine('wasm', { threads: Number(flags.threads) });
  part('engine');
  const base = await openBase(flags.base);
  part('config and tokenizer');
  const model = await loadGemma(
    flags.base,
    flags.adapter ? { adapter: await loadAdapter(flags.adapter) } : { scoreSeed: 1 },
  );
  part('weights');
  const { ids } = packer(base.tokenizer, { maxTokens: 512 })(syntheticBattles({ count: 1, seed: 1 })[0]);
  part('packing');
  await scoreSequences(model, [ids]);
  part('answer');
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  const total = process.uptime().toFixed(2);
  const cpu = ((userCPUTime + systemCPUTime) / 1e6).toFixed(2);
  console.log(JSON.stringify({ total, cpu, peakGB: ((maxRSS * 1024) / 1e9).toFixed(3), tokens: ids.length, ...parts }));
  process.exit(0);
}
