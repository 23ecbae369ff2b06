/**
 * @file From votes to a tested PEFT adapter: `node train.mjs [engine] [votes file] [base folder]`. Without arguments: the best
 * engine here, made-up votes, and a tiny base of random weights.
 */
import { batches, cleanBattles, packer, readBattles, splitBattles, swapBattle, syntheticBattles } from '@arena/data';
import { readAdapter, scoreSequences, trainable } from '@arena/decoder';
import { evaluate, summaryTable } from '@arena/eval';
import { loadGemma, tinyBaseFiles } from '@arena/gemma';
import { loraConfig, saveAdapter } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { bytesFolder, readFileAt } from '@arena/safetensors';
import { loadTokenizer } from '@arena/tokenizer';
import { train } from '@arena/trainer';

const [engineName = 'auto', votesFile, baseFolder] = process.argv.slice(2);

// an argument that cannot be used ends the script in one line
process.on('uncaughtException', ({ message }) => {
  console.error(message);
  process.exit(1);
});

const engine = await openEngine(engineName);
console.log(`engine ${engine.name}`);

const votes = votesFile ? await collect(readBattles(votesFile)) : syntheticBattles({ count: 1200, seed: 1 });
const { battles } = cleanBattles(votes);
const { train: known, test: unseen } = splitBattles(battles, { seed: 42 });
console.log(`${battles.length} battles, ${unseen.length} of them for the test`);

const texts = battles.slice(0, 300).flatMap((battle) => [...battle.prompt, ...battle.responseA, ...battle.responseB]);
const base = baseFolder ?? bytesFolder(tinyBaseFiles(texts, { hiddenSize: 64 }));
const config = loraConfig({ r: 16, lora_alpha: 32, target_modules: 'all-linear' });
const model = await loadGemma(base, { quantization: {}, lora: { config, seed: 42 }, numLabels: 2 });
const tokenizer = loadTokenizer(await readFileAt(base, 'tokenizer.json'));
const pack = packer(tokenizer, { maxTokens: 384 });

const packed = known.map(pack);
const { log } = await train({
  model: trainable(model),
  batches: (epoch) => [...batches(packed, { batchSize: 8, order: 'hf', seed: 42, epoch })],
  learningRate: 2e-3,
  warmup: 0.05,
  onStep: ({ step, loss }, { totalSteps }) => {
    if (step % 20 === 0) console.log(`step ${step} of ${totalSteps}, loss ${loss.toFixed(3)}`);
  },
});
console.log(`trained ${log.length} steps`);

const both = unseen.flatMap((battle) => [battle, swapBattle(battle)]).map((battle) => pack(battle).ids);
const scores = await scoreSequences(model, both, { together: 2 }); // both orders share the work on the prompt
const predictions = unseen.map(({ id }, i) => ({
  id,
  probabilityA: scores[2 * i][0],
  probabilityASwapped: 1 - scores[2 * i + 1][0],
}));
console.log(summaryTable(evaluate(predictions, unseen, { train: known, seed: 42 })));

await saveAdapter('adapter', await readAdapter(model));
console.log('the adapter is in ./adapter; PEFT loads it');
engine.dispose();

/** Array.fromAsync, which Node has from 22 on. */
async function collect(items) {
  const list = [];
  for await (const item of items) list.push(item);
  return list;
}
