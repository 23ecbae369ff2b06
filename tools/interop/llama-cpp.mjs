/**
 * @file What `arena export --gguf` writes, in llama.cpp and in gguf-py, beside the judge itself:
 *   node tools/interop/llama-cpp.mjs --python PYTHON --adapter DIR [--base FILE] [--data FILE] [--count 20] [--work DIR] [--threads 2]
 * `npx -y pnpm@10.34.8 build` first. PYTHON has llama-cpp-python, gguf and numpy. DIR is an adapter of arena train on the base, without
 * which it is what `node tools/gemma3-270m.mjs` prints. Exit 1 when a difference is above its bound.
 *   1. gguf-py quantises the float32 file to the very bytes of the others; llama.cpp cuts the votes into Arena's tokens.
 *   2. Logits of the head over llama.cpp's last state: merged files, and adapters beside the base.
 *   3. The next token after "Choice:": logits of the letters A and B, and their log-probabilities among all tokens.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tokenLogits } from '@arena/decoder/model';
import { diskStore } from '@arena/files';
import { loadGemma } from '@arena/gemma';
import { openBaseWeights, openGgufBase } from '@arena/gemma/checkpoint';
import { modelGguf, writeGguf } from '@arena/gguf/write';
import { completeSettings, openJudge, readVotes } from '@arena/judge';
import { frameParts } from '@arena/judge/export';
import { objectiveOf, openBase, readJudge } from '@arena/judge/run';
import { loadAdapter } from '@arena/lora';
import { openEngine } from '@arena/runtime';
import { startScript } from '../../bench/peer.mjs';

const { values: flags } = parseArgs({
  options: {
    python: { type: 'string' },
    adapter: { type: 'string' },
    base: { type: 'string' },
    data: { type: 'string' },
    count: { type: 'string', default: '20' },
    work: { type: 'string' },
    threads: { type: 'string', default: '2' },
  },
});
if (!flags.python || !flags.adapter) throw new Error('--python and --adapter are needed');
const root = fileURLToPath(new URL('../..', import.meta.url));
const run = (script, ...args) =>
  execFileSync(process.execPath, [join(root, script), ...args], { encoding: 'utf8' }).trim();
const location = flags.base ?? run('tools/gemma3-270m.mjs');
const data = flags.data ?? join(root, '../shared/data/arena-like.jsonl');
const work = flags.work ?? mkdtempSync(join(tmpdir(), 'arena-gguf-'));
const at = (name) => join(work, name);
const threads = Number(flags.threads);
const FORMS = ['lora', 'lora-f16', 'f32', 'f16', 'bf16', 'q8_0'];
/** Tokens whose logits are asked for in one forward pass: their rows of the embedding lie in memory. */
const SLICE = 1 << 16;

const engine = await openEngine('wasm', { threads });
const peer = startScript(flags.python, [fileURLToPath(new URL('llama-cpp.py', import.meta.url))], {
  OMP_NUM_THREADS: flags.threads,
});
try {
  await compare();
} finally {
  peer.close();
  engine.dispose();
  if (!flags.work) rmSync(work, { recursive: true, force: true });
}

async function compare() {
  say({ what: 'versions', node: process.version, ...(await peer.ask({ do: 'versions', threads })) });
  const base = await openBase(location);
  const files = await readJudge(flags.adapter);
  const battles = (await readVotes(data, { name: data })).battles.filter(isShort).slice(0, Number(flags.count));
  if (!existsSync(at('judge')))
    run(
      ...['packages/cli/dist/bin.js', 'export', '--gguf', FORMS.join(','), '--base', location],
      ...['--adapter', flags.adapter, '--out', at('judge')],
    );
  for (const form of ['f16', 'bf16', 'q8_0']) {
    const floats = at('judge/model-f32.gguf');
    const { odd, tensors } = await peer.ask({ do: 'blocks', floats, other: at(`judge/model-${form}.gguf`) });
    note(`tensors of model-${form}.gguf that gguf-py quantises otherwise, of ${tensors}`, odd.length, 0);
  }
  const lora = await peer.ask({
    do: 'blocks',
    floats: at('judge/adapter-f32.gguf'),
    other: at('judge/adapter-f16.gguf'),
  });
  note(`tensors of adapter-f16.gguf that gguf-py quantises otherwise, of ${lora.tensors}`, lora.odd.length, 0);
  await heads(base, files, battles);
  await letters(base, files, battles);
}

/** Battles that no budget of tokens cuts, with one turn. */
function isShort({ prompt, responseA, responseB }) {
  return prompt.length === 1 && prompt[0].length + responseA[0].length + responseB[0].length < 1500;
}

async function heads(base, files, battles) {
  const pack = files.objective.packer(base.tokenizer);
  const rows = battles.flatMap((battle) => {
    const { ids, second } = pack(battle);
    return second === undefined ? [Array.from(ids)] : [Array.from(ids.slice(0, second)), Array.from(ids.slice(second))];
  });
  const judge = await openJudge(base, files);
  const own = (await judge.logits(rows.map((row) => Int32Array.from(row)))).map((row) => Array.from(row));
  await judge.dispose();
  const { rows: head } = JSON.parse(readFileSync(at('judge/head.json'), 'utf8'));
  const opened = (path, more = {}) => peer.ask({ do: 'open_model', path, threads, ...more });
  const each = battles.length === rows.length ? 1 : 2;
  /** Logits against the judge's, and what becomes of P(A). */
  const compareHeads = async (what, bound) => {
    const theirs = await peer.ask({ do: 'heads', rows, head });
    const [want, got] = [own, theirs].map((all) =>
      battles.map((_, i) => preferred(all.slice(each * i, each * i + each))),
    );
    const changes = want.map((value, i) => Math.abs(value - got[i]));
    const turned = want.filter((value, i) => value > 0.5 !== got[i] > 0.5).length;
    note(what, apart(own, theirs), bound, {
      probability: Math.max(...changes),
      meanProbability: mean(changes),
      turned,
    });
  };

  await opened(at('judge/model-f32.gguf'));
  const texts = battles.flatMap((battle) => stretches(files.card, battle));
  const cut = await peer.ask({ do: 'cut', texts });
  note(
    `texts that llama.cpp cuts otherwise, of ${texts.length}`,
    rows.filter((row, i) => `${row}` !== `${cut[i]}`).length,
    0,
  );
  const spread = Math.max(...own.flat()) - Math.min(...own.flat());
  say({ what: `logits of ${rows.length} sequences, ${rows.reduce((sum, row) => sum + row.length, 0)} tokens`, spread });
  // ggml rounds gelu to float16 on a CPU (GGML_GELU_FP16 in ggml-cpu/vec.h), whatever the weights are
  await compareHeads('logits of model-f32.gguf', 1e-2);
  await opened(at('judge/model-f32.gguf'), { cache: 'f16' });
  await compareHeads('logits of model-f32.gguf, llama.cpp as it comes: cache in float16, fused attention', 0.1);
  for (const [form, bound] of [
    ['f16', 0.1],
    ['bf16', 1],
    ['q8_0', 1],
  ]) {
    await opened(at(`judge/model-${form}.gguf`));
    await compareHeads(`logits of model-${form}.gguf`, bound);
  }
  await writeBase(base);
  await opened(at('base-f32.gguf'), { adapter: at('judge/adapter-f32.gguf') });
  await compareHeads('logits of the base in float32 with adapter-f32.gguf', 1e-2);
  await opened(at('base-f32.gguf'), { adapter: at('judge/adapter-f16.gguf') });
  await compareHeads('logits of the base in float32 with adapter-f16.gguf', 0.1);
  await opened(location, { adapter: at('judge/adapter-f32.gguf') });
  await compareHeads('logits of the base as it is with adapter-f32.gguf (activations in 8 bits)', 1);
}

/** A battle's texts as README.md cuts them: one for each sequence. */
function stretches(card, { prompt, responseA, responseB }) {
  const text = (fields) =>
    frameParts(card).map((part) => ('field' in part ? [fields[part.field], false] : [part.text, true]));
  const common = { prompt: prompt[0], a: responseA[0], b: responseB[0] };
  return card.head === 'reward'
    ? [text({ ...common, answer: common.a }), text({ ...common, answer: common.b })]
    : [text(common)];
}

/** The base without the adapter, every tensor in float32. */
async function writeBase(base) {
  const [weights, file] = [await openBaseWeights(location), await openGgufBase(location)];
  const keys = [...file.metadata.keys()].filter((key) => key.startsWith('tokenizer.'));
  const metadata = new Map(await Promise.all(keys.map(async (key) => [key, await file.readStoredValue(key)])));
  const content = modelGguf({ shape: base.config, weights, type: 'F32', contextLength: 32768, name: 'base', metadata });
  await diskStore(work).write('base-f32.gguf', (write) => writeGguf(write, content));
  await file.close();
  await weights.close();
}

async function letters(base, files, battles) {
  const settings = completeSettings({ base: location, data: [data], maxTokens: 1024 });
  const pack = objectiveOf(settings).packer(base.tokenizer);
  const rows = battles.map((battle) => Array.from(pack(battle).ids));
  const ids = [' A', ' B'].map((letter) => {
    const [id, ...rest] = base.tokenizer.encode(letter);
    if (rest.length) throw new Error(`${letter} is more than a token`);
    return id;
  });
  for (const [what, adapter, path, bound] of [
    ['the base', undefined, at('base-f32.gguf'), 2e-2],
    ['the merged model', await loadAdapter(flags.adapter), at('judge/model-f32.gguf'), 2e-2],
  ]) {
    const model = await loadGemma(location, { adapter, numLabels: files.objective.labels });
    const own = await ownLetters(model, rows, ids);
    await model.dispose();
    await peer.ask({ do: 'open_model', path, threads });
    const { rows: theirs } = await peer.ask({ do: 'letters', rows, ids });
    note(
      `logits of A and B after "Choice:", ${what}`,
      apart(
        own.logits,
        theirs.map(({ logits }) => logits),
      ),
      bound,
    );
    const logprobs = theirs.map((row) => row.logprobs);
    note(`log-probabilities of A and B among all tokens, ${what}`, apart(own.logprobs, logprobs), bound);
    const share = ([a, b]) => [1 / (1 + Math.exp(b - a))];
    note(`P(A) of A and B, ${what}`, apart(own.logprobs.map(share), logprobs.map(share)), bound);
  }
}

/** Arena's own, over the whole vocabulary in slices. */
async function ownLetters(model, rows, ids) {
  const offsets = new Int32Array(rows.length + 1);
  for (const [i, row] of rows.entries()) offsets[i + 1] = offsets[i] + row.length;
  const batch = { ids: Int32Array.from(rows.flat()), offsets };
  const all = rows.map(() => []);
  for (let begin = 0; begin < model.config.vocabSize; begin += SLICE) {
    const some = Array.from({ length: Math.min(SLICE, model.config.vocabSize - begin) }, (_, i) => begin + i);
    const logits = await tokenLogits(model, batch, some);
    for (const [i, row] of (await logits.array()).entries()) for (const value of row) all[i].push(value);
    logits.dispose();
  }
  return {
    logits: all.map((row) => ids.map((id) => row[id])),
    logprobs: all.map((row) => {
      const top = row.reduce((most, value) => Math.max(most, value), -Infinity);
      const norm = top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
      return ids.map((id) => row[id] - norm);
    }),
  };
}

/** P(A) of a battle: of two rewards, or of A, B and perhaps a tie. */
function preferred(logits) {
  if (logits.length === 2) return 1 / (1 + Math.exp(logits[1][0] - logits[0][0]));
  const powers = logits[0].map((value) => Math.exp(value - Math.max(...logits[0])));
  return powers[0] / (powers[0] + powers[1]);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function apart(got, want) {
  if (got.length !== want.length) throw new Error(`${got.length} rows beside ${want.length}`);
  return Math.max(...got.flatMap((row, i) => row.map((value, k) => Math.abs(value - want[i][k]))));
}

function note(what, difference, bound, more = {}) {
  const passed = difference <= bound;
  say({ what, difference, bound, passed, ...more });
  if (!passed) process.exitCode = 1;
}

function say(line) {
  console.log(JSON.stringify(line));
}
