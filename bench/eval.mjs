/**
 * @file Time and size of a report: `node bench/eval.mjs [--predictions 100000] [--train 100000] [--rounds 2000]`.
 * Made-up battles with answers of 20 to 300 words; everything runs on one thread. CPU time is steadier than wall time on a shared machine.
 */
import { parseArgs } from 'node:util';
import { evaluate, renderReport } from '@arena/eval';
import { Mt19937 } from '@arena/random';

const { values: flags } = parseArgs({
  options: {
    predictions: { type: 'string', default: '100000' },
    train: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '2000' },
  },
});
const random = new Mt19937(7);
const uniform = () => random.next() / 2 ** 32;
const pick = (list) => list[Math.floor(uniform() * list.length)];
const vocabulary = Array.from(
  { length: 30_000 },
  (_, i) => `${pick(['re', 'un', 'con', 'pro', 'ab'])}${i.toString(36)}`,
);
/** Words by Zipf's law. */
const word = () => vocabulary[Math.floor(vocabulary.length ** uniform()) - 1];
const answer = () => {
  const length = 20 + Math.floor(280 * uniform() ** 2);
  const text = Array.from({ length }, word).join(' ');
  return uniform() < 0.3 ? `# Title\n- ${text}\n- **bold** \`code\`` : text;
};
const MODELS = Array.from({ length: 30 }, (_, i) => `model-${i}`);

function battles(count, prefix) {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [answer(), answer()];
    return {
      id: `${prefix}${i}`,
      prompt: [`${prefix} question ${Math.floor(uniform() * count * 0.8)} ${word()}`],
      responseA: [a],
      responseB: [b],
      winner: uniform() < 1 / (1 + Math.exp((b.length - a.length) / 600)) ? 'a' : 'b',
      modelA: pick(MODELS),
      modelB: pick(MODELS),
      language: pick(['English', 'English', 'English', 'Russian', 'Chinese', 'German']),
    };
  });
}

const test = battles(Number(flags.predictions), 't');
const train = battles(Number(flags.train), 'r');
const predictions = test.map(({ id }) => ({ id, probabilityA: uniform(), probabilityASwapped: uniform() }));
const bootstrapRounds = Number(flags.rounds);

function timed(name, run) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = run();
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    `| ${name} | ${((performance.now() - start) / 1000).toFixed(1)} s | ${((user + system) / 1e6).toFixed(1)} s |`,
  );
  return result;
}

console.log(
  `node ${process.version}, ${predictions.length} predictions, ${train.length} training battles, ${bootstrapRounds} rounds\n`,
);
console.log('| what | wall | CPU |\n| --- | --- | --- |');
timed('report without baselines', () => evaluate(predictions, test, { bootstrapRounds }));
const report = timed('report with fitted baselines', () => evaluate(predictions, test, { bootstrapRounds, train }));
const html = timed('HTML', () => renderReport(report, 'html', { battles: test }));
console.log(
  `\nHTML ${(html.length / 1e6).toFixed(2)} MB; peak memory ${(process.resourceUsage().maxRSS / 1e3).toFixed(0)} MB`,
);
