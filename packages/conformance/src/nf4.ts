/** @file Area nf4: bitsandbytes' codes, statistics and serialised state, and 4-bit checkpoints by transformers. */
import { isSkipped, quantizeWeight } from '@arena/decoder/checkpoint';
import { linearModules } from '@arena/decoder/family';
import { loadGemma, readConfig } from '@arena/gemma';
import {
  dequantize4bit,
  type FloatDtype,
  parseState,
  type QuantType,
  quantize4bit,
  serializeState,
} from '@arena/quant';
import { quantizeAbsmax, restoreAbsmax, stateJson } from '@arena/quant/state';
import { openCheckpoint, type SafeTensor } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import {
  type Case,
  type Check,
  compare,
  floats,
  folderOf,
  readJson,
  readTensors,
  same,
  sharedFolder,
  toleranceOf,
} from './case.js';
import { logitsOf, type PaddedBatch } from './gemma.js';

export async function nf4Case(one: Case): Promise<Check[]> {
  return one.json.variants ? matrixCase(one) : checkpointCase(one);
}

interface Variant {
  key: string;
  quant_type: QuantType;
  blocksize: number;
  double_quant: boolean;
  state_json: string;
}

async function matrixCase(one: Case): Promise<Check[]> {
  const { json } = one;
  const tensors = await readTensors(one, json.tensors as string);
  const input = floats(tensors, json.input as string);
  const shape = json.shape as number[];
  const checks: Check[] = [];
  for (const variant of json.variants as Variant[]) {
    const { key, quant_type: type, blocksize: blockSize, double_quant: doubleQuant } = variant;
    const quantized = quantize4bit(input, shape, { type, blockSize, doubleQuant, dtype: json.dtype as FloatDtype });
    const bytes = (name: string) => tensors.get(name)!.data;
    checks.push(compare(`${key} codes`, quantized.codes, bytes(`${key}.weight`), {}));
    const absmax = floats(tensors, doubleQuant ? `${key}.absmax_exact` : `${key}.weight.absmax`);
    checks.push(
      compare(
        `${key} absmax`,
        doubleQuant
          ? (quantize4bit(input, shape, { type, blockSize }).absmax as Float32Array)
          : (quantized.absmax as Float32Array),
        absmax,
        {},
      ),
    );
    if (doubleQuant) {
      const offset = (JSON.parse(variant.state_json) as { nested_offset: number }).nested_offset;
      checks.push(compare(`${key} offset`, [quantized.nested!.offset], [offset], {})); // torch's bits
      const nested = quantizeAbsmax(absmax);
      checks.push(compare(`${key} nested codes`, nested.codes, bytes(`${key}.nested_codes_cuda_path`), {}));
      checks.push(compare(`${key} nested absmax`, nested.absmax, floats(tensors, `${key}.weight.nested_absmax`), {}));
      const cpu = quantizeAbsmax(absmax, { search: 'cpu' });
      checks.push(compare(`${key} nested codes, CPU library`, cpu.codes, bytes(`${key}.weight.absmax`), {}));
      const restored = restoreAbsmax({ absmax: bytes(`${key}.weight.absmax`), nested });
      checks.push(compare(`${key} absmax restored`, restored, floats(tensors, `${key}.absmax_restored`), {}));
    }
    checks.push(same(`${key} state`, stateJson(quantized), variant.state_json));
    checks.push(...readBack(key, tensors));
  }
  return checks;
}

/** What bitsandbytes wrote is read, dequantised and written again. */
function readBack(key: string, tensors: Map<string, SafeTensor>): Check[] {
  const name = `${key}.weight`;
  const own = new Map([...tensors].filter(([other]) => other === name || other.startsWith(`${name}.`)));
  const quantized = parseState(name, own);
  const checks = [compare(`${key} dequantised`, dequantize4bit(quantized), floats(tensors, `${key}.dequantised`), {})];
  for (const written of serializeState(name, quantized)) {
    checks.push(compare(`${written.name} written again`, written.data, own.get(written.name)?.data ?? [], {}));
  }
  return checks;
}

async function checkpointCase(one: Case): Promise<Check[]> {
  const { json } = one;
  const folder = folderOf(one, json.model as string);
  const batches = await readJson<Record<string, PaddedBatch>>(one, json.batches_file as string);
  const expected = await readTensors(one, json.expected as string);
  const model = await loadGemma(folder);
  const checks: Check[] = [];
  for (const [name, batch] of Object.entries(batches)) {
    const want = floats(expected, `${name}.logits`);
    checks.push(compare(`${name}.logits`, await logitsOf(model, batch), want, toleranceOf(one, 'logits')));
  }
  await model.dispose();
  const stored = await openCheckpoint(folder);
  const source = await openCheckpoint(sharedFolder(one, json.from_model));
  const config = await readConfig(sharedFolder(one, json.from_model));
  const options = json.quantization as Record<string, string>;
  const skipModules = (await readConfig(folder)).skipModules;
  const type = (options.bnb_4bit_quant_type ?? 'fp4') as QuantType;
  const doubleQuant = options.bnb_4bit_use_double_quant === 'True';
  const modules = linearModules(config).filter(({ path }) => !isSkipped(path, skipModules));
  for (const { path, outFeatures, inFeatures } of modules) {
    const name = `${path}.weight`;
    const values = toFloat32(await source.read(name));
    const remade = quantizeWeight(values, [outFeatures, inFeatures], config, {
      type,
      doubleQuant,
      nestedSearch: 'cpu',
    });
    const theirs = new Map<string, SafeTensor>();
    for (const key of stored.names())
      if (key === name || key.startsWith(`${name}.`)) theirs.set(key, await stored.read(key));
    const want = parseState(name, theirs);
    checks.push(compare(`${name} codes`, remade.codes, want.codes, {}));
    checks.push(compare(`${name} absmax`, remade.absmax, want.absmax, {}));
  }
  await Promise.all([stored.close(), source.close()]);
  return checks;
}
