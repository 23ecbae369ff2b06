/** @file Area gguf: blocks as gguf-py widens them, models as transformers computes them, ids as SentencePiece makes them. */
import { type Classifier, forward } from '@arena/decoder';
import { flattenPadded, forwardTraced, pooledStates, tokenLogits } from '@arena/decoder/model';
import { rmsNormForward } from '@arena/decoder/ops';
import type { ByteSource } from '@arena/files';
import { loadGemma } from '@arena/gemma';
import { ggufConfig, ggufTokenizerFields, ggufWeights, openGguf } from '@arena/gguf';
import type { SafeTensor } from '@arena/safetensors';
import { weightsView } from '@arena/safetensors/tensor';
import { sentencePieceTokenizer } from '@arena/tokenizer';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import {
  type Case,
  type Check,
  compare,
  floats,
  MissingInput,
  readJson,
  readTensors,
  same,
  type Tolerance,
  toleranceOf,
} from './case.js';
import { type PaddedBatch, visibleRows } from './gemma.js';

export async function ggufCase(one: Case): Promise<Check[] | undefined> {
  const { json } = one;
  if (json.tensors) return blocksCase(one);
  if (json.batches_file) return modelCase(one);
  if (json.strings) return tokenizerCase(one);
  if (json.tokenised) return realCase(one);
  return undefined;
}

/** Every type of block, widened. */
async function blocksCase(one: Case): Promise<Check[]> {
  const { json } = one;
  const expected = await readTensors(one, json.expected as string);
  const file = await openGguf(one.source.location(one.folder), json.file as string);
  const checks: Check[] = [];
  for (const { tensor } of json.tensors as { tensor: string }[]) {
    checks.push(compare(tensor, await file.readFloat32(tensor), floats(expected, tensor), {})); // exact, all of them
  }
  await file.close();
  return checks;
}

/** A base of a file on the engine, with a head beside it. */
async function baseWithHead(source: Parameters<typeof openGguf>[0], name: string | undefined, head: SafeTensor) {
  const file = await openGguf(source, name);
  const weights = await ggufWeights(file);
  const score = { ...head, name: 'score.weight' };
  return loadGemma({
    weights: weightsView(weights, [...weights.tensors.keys(), score]),
    config: JSON.stringify({ ...ggufConfig(file.metadata, file.tensors), num_labels: head.shape[0] }),
  });
}

async function modelCase(one: Case): Promise<Check[]> {
  const { json } = one;
  const expected = await readTensors(one, json.expected as string);
  const head = (await readTensors(one, json.head as string)).get('score.weight')!;
  const batches = await readJson<Record<string, PaddedBatch>>(one, json.batches_file as string);
  const model = await baseWithHead(one.source.location(one.folder), json.file as string, head);
  const checks: Check[] = [];
  for (const [name, { input_ids, attention_mask }] of Object.entries(batches)) {
    const flat = flattenPadded(input_ids, attention_mask);
    const hidden = expected.get(`${name}.hidden`)!;
    let normed: Promise<ArrayLike<number>> | undefined;
    const logits = await forwardTraced(model, flat, (what, value) => {
      if (what === 'norm') normed = valuesOf(value.clone());
    });
    const want = visibleRows(floats(expected, `${name}.hidden`), hidden.shape, flat, input_ids[0].length);
    checks.push(compare(`${name}.hidden`, await normed!, want, toleranceOf(one, 'hidden')));
    const rows = await valuesOf(logits);
    checks.push(compare(`${name}.logits`, rows, floats(expected, `${name}.logits`), toleranceOf(one, 'logits')));
  }
  await model.dispose();
  return checks;
}

async function tokenizerCase(one: Case): Promise<Check[]> {
  const file = await openGguf(one.source.location(one.folder), one.json.file as string);
  const encode = encoderOf(file.metadata);
  await file.close();
  const rows = await readJson<{ text: string; ids: number[] }[]>(one, one.json.strings as string);
  return rows.map(({ text, ids }, i) => same(`string ${i}`, encode(text), ids));
}

function encoderOf(metadata: Parameters<typeof ggufTokenizerFields>[0]): (text: string) => number[] {
  const { tokens, ...fields } = ggufTokenizerFields(metadata);
  const tokenizer = sentencePieceTokenizer({ ...fields, tokens: [...tokens] });
  return (text) => [...tokenizer.encode(text, { addSpecialTokens: true })];
}

/** The packaged Gemma 3 270M: ids of real texts, and what the model makes of a dozen of them. */
async function realCase(one: Case): Promise<Check[]> {
  const source = await one.source.gemma3();
  if (!source) throw new MissingInput('the 270M file is wanted: ARENA_GEMMA3_270M=$(node tools/gemma3-270m.mjs)');
  const file = await openGguf(source);
  try {
    return [...(await realChecks(one, source)), ...(await realIds(one, encoderOf(file.metadata)))];
  } finally {
    await file.close();
  }
}

/** Ids of real texts, which lie beside the fixtures; none where they are not at hand. */
async function realIds(one: Case, encode: (text: string) => number[]): Promise<Check[]> {
  const texts = await one.source.input('arena-like.jsonl');
  if (!texts) return [];
  const lines = new TextDecoder().decode(texts).split('\n');
  const rows = one.json.tokenised as { row: number; field: string; ids: number[] }[];
  return rows.map(({ row, field, ids }) => {
    const battle = JSON.parse(lines[row]) as Record<string, string>;
    return same(`row ${row} ${field}`, encode(battle[field]), ids);
  });
}

/** The case's numbers. Another file than the packaged one has other weights: its numbers do not agree. */
async function realChecks(one: Case, source: ByteSource): Promise<Check[]> {
  const { json } = one;
  const expected = await readTensors(one, 'expected.safetensors');
  const model = await baseWithHead({ ...source, close: undefined }, undefined, expected.get('score')!);
  const checks: Check[] = [];
  for (const [k, { input_ids }] of (json.cases as { input_ids: number[] }[]).entries()) {
    const batch = { ids: Int32Array.from(input_ids), offsets: Int32Array.of(0, input_ids.length) };
    const check = async (what: string, got: Tensor, tolerance: Tolerance) =>
      checks.push(compare(`${k}.${what}`, await valuesOf(got), floats(expected, `${k}.${what}`), tolerance));
    await check('hidden', await normedState(model, batch), toleranceOf(one, 'hidden'));
    await check('logits', await forward(model, batch), toleranceOf(one, 'logits'));
    await check('letters', await tokenLogits(model, batch, json.letter_ids as number[]), toleranceOf(one, 'logits'));
  }
  await model.dispose();
  return checks;
}

/** The last token's state after the final norm. [1, hiddenSize] */
async function normedState(model: Classifier, batch: { ids: Int32Array; offsets: Int32Array }): Promise<Tensor2D> {
  const state = await pooledStates(model, batch);
  const normed = rmsNormForward(state, model.norm.weight, model.config.rmsNormEps);
  state.dispose();
  return normed;
}

async function valuesOf(tensor: Tensor): Promise<ArrayLike<number>> {
  const values = await tensor.data();
  tensor.dispose();
  return values;
}
