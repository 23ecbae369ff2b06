/** @file Area gemma: the whole classifier against transformers, forward, trace, loss, pooling and every gradient. */

import { type Classifier, forward, trainableParameters, trainingPass } from '@arena/decoder';
import { flattenPadded, forwardTraced, pooledRows } from '@arena/decoder/model';
import type { Location } from '@arena/files';
import { loadGemma } from '@arena/gemma';
import type { SafeTensor } from '@arena/safetensors';
import { dispose, keep } from '@tensorflow/tfjs-core';
import {
  type Case,
  type Check,
  compare,
  floats,
  folderOf,
  readJson,
  readTensors,
  same,
  type Tolerance,
  toleranceOf,
} from './case.js';

/** A batch as transformers takes it. */
export interface PaddedBatch {
  input_ids: number[][];
  attention_mask: number[][] | null;
  labels: number[];
  pooled_index?: number[];
  loss?: number;
}

export async function gemmaCase(one: Case): Promise<Check[]> {
  const { json } = one;
  const batches = await readJson<Record<string, PaddedBatch>>(one, json.batches_file as string);
  const expected = await readTensors(one, json.expected as string);
  const checks: Check[] = [];
  const base = folderOf(one, json.model as string);
  // the reference was cast to bfloat16 as a whole, with its RoPE frequencies
  const ropeFrequencies = json.dtype === 'bfloat16' ? 'bfloat16' : 'float32';
  const model = await loadGemma(base, { ropeFrequencies });
  for (const [name, batch] of Object.entries(batches)) {
    const logits = await logitsOf(model, batch);
    const want = floats(expected, `${name}.logits`);
    const tolerance = { ...toleranceOf(one, 'logits') };
    const widened = `${name}.logits_fp32_compute`; // bfloat16 weights computed in float32, as here
    if (expected.has(widened)) {
      const inFloat32 = floats(expected, widened);
      checks.push(compare(widened, logits, inFloat32, toleranceOf(one, 'logits_fp32_compute')));
      // nothing that computes in float32 is nearer to bfloat16's arithmetic than the reference's own float32
      const apart = compare('', inFloat32, want, { rel_l2: 1 }).error;
      tolerance.rel_l2 = Math.max(tolerance.rel_l2!, 1.02 * apart);
    }
    checks.push(compare(`${name}.logits`, logits, want, tolerance));
    if (batch.pooled_index) checks.push(same(`${name}.pooled_index`, pooledColumns(model, batch), batch.pooled_index));
  }
  for (const name of json.traced as string[]) {
    const trace = await readTensors(one, `trace.${name}.safetensors`);
    checks.push(...(await compareTrace(model, name, batches[name], trace, toleranceOf(one, 'trace'))));
  }
  await model.dispose();
  for (const name of json.gradients as string[]) {
    const gradients = await readTensors(one, `grads.${name}.safetensors`);
    checks.push(...(await compareGradients(one, base, name, batches[name], gradients)));
  }
  const sdpa = Object.keys(batches).filter((name) => expected.has(`${name}.logits_sdpa`));
  if (sdpa.length) {
    const uncapped = await loadGemma(base, { attention: 'sdpa' });
    for (const name of sdpa) {
      const want = floats(expected, `${name}.logits_sdpa`);
      checks.push(
        compare(`${name}.logits_sdpa`, await logitsOf(uncapped, batches[name]), want, toleranceOf(one, 'logits')),
      );
    }
    await uncapped.dispose();
  }
  return checks;
}

export async function logitsOf(model: Classifier, batch: PaddedBatch): Promise<Float32Array> {
  const logits = await forward(model, flattenPadded(batch.input_ids, batch.attention_mask));
  const values = Float32Array.from(await logits.data());
  logits.dispose();
  return values;
}

/** The pooled token of each row as a column of the padded batch. */
function pooledColumns({ config }: Classifier, { input_ids, attention_mask }: PaddedBatch): number[] {
  const flat = flattenPadded(input_ids, attention_mask);
  return Array.from(pooledRows(flat, config.padTokenId), (row) => flat.columns[row]);
}

/** Compares the rows of visible tokens. Padding has no rows here. */
async function compareTrace(
  model: Classifier,
  batchName: string,
  batch: PaddedBatch,
  want: Map<string, SafeTensor>,
  tolerance: Tolerance,
): Promise<Check[]> {
  const flat = flattenPadded(batch.input_ids, batch.attention_mask);
  const width = batch.input_ids[0].length;
  const checks: Promise<Check>[] = [];
  const seen = new Set<string>();
  // a GPU's values come when it has computed them: the trace does not wait for that
  const logits = await forwardTraced(model, flat, (name, value) => {
    const probabilities = /^(.*attn_probs)\.(\d+)$/.exec(name);
    const key = probabilities ? probabilities[1] : name;
    const tensor = want.get(key);
    if (!tensor) return;
    seen.add(key);
    const expected = floats(want, key);
    const picked = probabilities
      ? visibleSquare(expected, tensor.shape, Number(probabilities[2]), flat)
      : visibleRows(expected, tensor.shape, flat, width);
    const copy = keep(value.clone());
    checks.push(
      copy.data().then((values) => {
        copy.dispose();
        return compare(`trace.${batchName}.${name}`, values, picked, tolerance);
      }),
    );
  });
  logits.dispose();
  const missing = [...want.keys()].filter((name) => !seen.has(name));
  return [
    ...(await Promise.all(checks)),
    ...missing.map((name) => ({ name: `trace ${name} is not given`, error: Infinity })),
  ];
}

type Flat = ReturnType<typeof flattenPadded>;

/** [rows, T, W] -> the W values of each visible token. */
export function visibleRows(
  values: Float32Array,
  shape: number[],
  { offsets, columns }: Flat,
  width: number,
): Float32Array {
  const size = shape[2];
  const out = new Float32Array(columns.length * size);
  for (let row = 0; row + 1 < offsets.length; row++) {
    for (let t = offsets[row]; t < offsets[row + 1]; t++) {
      const from = (row * width + columns[t]) * size;
      out.set(values.subarray(from, from + size), t * size);
    }
  }
  return out;
}

/** [rows, heads, T, T] -> [heads, S, S] over the visible tokens of one row. */
function visibleSquare(values: Float32Array, shape: number[], row: number, { offsets, columns }: Flat): Float32Array {
  const [, heads, width] = shape;
  const visible = columns.subarray(offsets[row], offsets[row + 1]);
  const out: number[] = [];
  for (let h = 0; h < heads; h++) {
    for (const q of visible) for (const k of visible) out.push(values[((row * heads + h) * width + q) * width + k]);
  }
  return Float32Array.from(out);
}

async function compareGradients(
  one: Case,
  base: Location,
  name: string,
  batch: PaddedBatch,
  want: Map<string, SafeTensor>,
): Promise<Check[]> {
  const model = await loadGemma(base, { trainAll: true });
  const flat = flattenPadded(batch.input_ids, batch.attention_mask);
  const { loss, logits } = await trainingPass(model, flat, batch.labels);
  const checks = [compare(`${name}.loss`, await loss.data(), [batch.loss!], toleranceOf(one, 'loss'))];
  const parameters = new Map(trainableParameters(model).map((parameter) => [parameter.name, parameter]));
  for (const key of want.keys()) {
    const gradient = parameters.get(key.replace(/^grad\./, ''))?.gradient;
    if (!gradient) checks.push({ name: `${key} is not given`, error: Infinity });
    else checks.push(compare(`${name}.${key}`, await gradient.data(), floats(want, key), toleranceOf(one, 'grads')));
  }
  dispose([loss, logits]);
  await model.dispose();
  return checks;
}
