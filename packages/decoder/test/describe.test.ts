import { quantizeWeight } from '@arena/decoder/checkpoint';
import { linearModules } from '@arena/decoder/family';
import { bytesFolder, readFileAt } from '@arena/files';
import { GEMMA2_2B, loadGemma, parseGemmaConfig } from '@arena/gemma';
import { describeGemma } from '@arena/gemma/checkpoint';
import { loraConfig } from '@arena/lora';
import { serializeState } from '@arena/quant';
import { openEngine } from '@arena/runtime';
import { openCheckpoint, type SafeTensor, serialize } from '@arena/safetensors';
import { toFloat32 } from '@arena/safetensors/tensor';
import { beforeAll, expect, test, vi } from 'vitest';
import { TINY_CONFIG, tinyCheckpoint } from './tiny.js';

let base: string;
beforeAll(async () => {
  await openEngine('cpu');
  base = await tinyCheckpoint();
});

test('counts parameters and bytes by part, and what training takes', async () => {
  const lora = loraConfig({ r: 2, target_modules: ['q_proj', 'up_proj'], layers_to_transform: [1, 2] });
  const description = await describeGemma(base, { lora, tokens: 100 });
  const [hidden, intermediate, queries, keys, layers] = [24, 40, 32, 16, 3];
  const linears = layers * (2 * hidden * queries + 2 * hidden * keys + 3 * hidden * intermediate);
  const norms = (4 * layers + 1) * hidden;
  expect(description.parts).toEqual([
    { name: 'embeddings', parameters: 50 * hidden, bytes: 4 * 50 * hidden },
    { name: 'linears', parameters: linears, bytes: 4 * linears },
    { name: 'norms', parameters: norms, bytes: 4 * norms },
    { name: 'head', parameters: 0, bytes: 0 },
  ]);
  expect(description.parameters).toBe(50 * hidden + linears + norms);
  expect(description).toMatchObject({ linearType: 'F32', unused: [], files: ['model.safetensors'] });
  const trainable = 2 * 2 * (hidden + queries + hidden + intermediate) + 2 * hidden;
  expect(description.training).toMatchObject({ lowestLayer: 1, tokens: 100, trainableParameters: trainable });
  expect(description.training.adapters).toBe(16 * trainable);
});

test('a 4-bit checkpoint, from memory, without reading codes or scales', async () => {
  const checkpoint = await openCheckpoint(base);
  const linears = new Map(linearModules(TINY_CONFIG).map((module) => [`${module.path}.weight`, module]));
  const tensors = [];
  for (const name of checkpoint.names()) {
    const tensor = await checkpoint.read(name);
    if (linears.has(name)) {
      tensors.push(...serializeState(name, quantizeWeight(toFloat32(tensor), tensor.shape, TINY_CONFIG, {})));
    } else tensors.push(tensor);
  }
  await checkpoint.close();
  tensors.push({ name: 'lm_head.weight', dtype: 'F32' as const, shape: [2], data: new Uint8Array(8) });
  const weights = serialize(tensors);
  const config = (await readFileAt(base, 'config.json'))!;
  const folder = bytesFolder({ 'config.json': config, 'model.safetensors': weights });
  const headerBytes = 8 + new DataView(weights.buffer).getUint32(0, true);
  const reads = vi.fn();
  const description = await describeGemma(async (file) => {
    const source = await folder(file);
    const read = (begin: number, end: number) => {
      reads(file, begin, end);
      return source!.read(begin, end);
    };
    return source && { ...source, read };
  });
  // behind the header: the state and the two tables of one matrix
  const beyond = reads.mock.calls.filter(([file, , end]) => file !== 'config.json' && end > headerBytes);
  expect(beyond.reduce((sum, [, begin, end]) => sum + end - begin, 0)).toBeLessThan(2000);
  expect(description.linearType).toBe('nf4');
  expect(description.unused).toEqual([{ name: 'lm_head.weight', bytes: 8 }]);
  expect(description.bytes + 8).toBe(weights.length - headerBytes);
  await (await loadGemma(folder)).dispose();
});

test('what cannot be loaded is not described', async () => {
  const config = (await readFileAt(base, 'config.json'))!;
  const checkpoint = await openCheckpoint(base);
  const q = 'model.layers.0.self_attn.q_proj.weight';
  const state = serializeState(q, quantizeWeight(toFloat32(await checkpoint.read(q)), [32, 24], TINY_CONFIG, {}));
  const others = await Promise.all(checkpoint.names().flatMap((name) => (name === q ? [] : [checkpoint.read(name)])));
  await checkpoint.close();
  type Tensors = SafeTensor[];
  const folder = (tensors: Tensors) =>
    bytesFolder({ 'config.json': config, 'model.safetensors': serialize([...others, ...tensors]) });
  const whole = { name: q, shape: [32, 24] };
  const scale = { name: `${q}_scale`, dtype: 'F32' as const, shape: [1], data: new Uint8Array(4) };
  const cases: [Tensors, string][] = [
    [state.filter(({ name }) => !name.endsWith('.absmax')), "q_proj.weight.absmax' is missing"],
    [
      state.map((one) => (one.name.endsWith('.quant_map') ? { ...one, data: new Uint8Array(64) } : one)),
      'quant_map: value 0 is 0',
    ],
    [[{ ...whole, dtype: 'I8', data: new Uint8Array(768) }], 'holds I8 and has no 4-bit state'],
    [[{ ...whole, dtype: 'F8_E4M3', data: new Uint8Array(768) }, scale], "has scales beside it ('model.layers.0"],
  ];
  for (const [tensors, message] of cases) {
    await expect(describeGemma(folder(tensors))).rejects.toThrow(message);
    await expect(loadGemma(folder(tensors))).rejects.toThrow(/absmax|quant_map|I8|scales/);
  }
  await (await loadGemma(folder(state))).dispose();
});

test('names what is missing or of another shape', async () => {
  const config = JSON.parse(new TextDecoder().decode((await readFileAt(base, 'config.json'))!));
  const weights = (await readFileAt(base, 'model.safetensors'))!;
  const edited = (fields: object) =>
    bytesFolder({ 'config.json': JSON.stringify({ ...config, ...fields }), 'model.safetensors': weights });
  await expect(describeGemma(edited({ intermediate_size: 41 }))).rejects.toThrow('asks for [41,24]');
  await expect(describeGemma(edited({ num_hidden_layers: 4 }))).rejects.toThrow(
    "'model.layers.3.self_attn.q_proj.weight' is missing",
  );
  await expect(describeGemma(base, { budgetBytes: 1000 })).rejects.toThrow('lower the tokens of a batch');
});

test("Gemma 2 2B's linears count as published", () => {
  const count = linearModules(parseGemmaConfig(JSON.stringify(GEMMA2_2B))).reduce(
    (sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures,
    0,
  );
  expect(count).toBe(2_024_275_968);
});
