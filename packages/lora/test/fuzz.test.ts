/** @file A thousand damaged adapter folders: a right answer, or an error that names the file. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bytesFolder } from '@arena/files';
import { checkAdapter, loadAdapter, parseLoraConfig } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';
import { expect, test } from 'vitest';
import { mutate, withHeaderLength } from '../../safetensors/test/mutate.js';

const PEFT_ADAPTER = fileURLToPath(new URL('./fixtures/peft-adapter', import.meta.url));

test('1,500 damaged adapter folders', async () => {
  const config = new Uint8Array(await readFile(`${PEFT_ADAPTER}/adapter_config.json`));
  const weights = new Uint8Array(await readFile(`${PEFT_ADAPTER}/adapter_model.safetensors`));
  const headerEnd = 8 + new DataView(weights.buffer, weights.byteOffset).getUint32(0, true);
  const whole = await loadAdapter(PEFT_ADAPTER);
  const modules = [...whole.weights].map(([path, { A, B, r }]) => ({
    path,
    inFeatures: A.length / r,
    outFeatures: B.length / r,
  }));
  let good = 0;
  for (let seed = 0; seed < 1500; seed++) {
    const header = mutate(weights.subarray(8, headerEnd), seed);
    const folder = bytesFolder({
      'adapter_config.json': seed % 3 ? mutate(config, seed) : config,
      'adapter_model.safetensors': seed % 3 ? weights : withHeaderLength(header, weights.subarray(headerEnd)),
    });
    try {
      const adapter = await loadAdapter(folder);
      checkAdapter(adapter, resolveTargets(adapter.config, modules));
      good++;
    } catch (error) {
      expect(['LoraError', 'SafetensorsError'], String((error as Error).stack)).toContain((error as Error).name);
      expect((error as Error).message).toMatch(/adapter|LoRA/);
    }
  }
  expect(good).toBeGreaterThan(100); // most fields of the configuration do not decide anything here
});

test.each([
  ['null', 'not a JSON object'],
  ['[]', 'not a JSON object'],
  ['{"target_modules":5}', 'target_modules is 5'],
  ['{"target_modules":["q_proj",1]}', 'target_modules is'],
  ['{"target_modules":"("}', 'target_modules is "("'],
  ['{"rank_pattern":[1]}', 'rank_pattern is [1]'],
  ['{"rank_pattern":{"q_proj":0}}', 'rank_pattern is'],
  ['{"alpha_pattern":{"q_proj":"x"}}', 'alpha_pattern is'],
  ['{"alpha_pattern":{"(":1}}', 'alpha_pattern is'],
  ['{"layers_to_transform":["1"]}', 'layers_to_transform is ["1"]'],
  ['{"layers_to_transform":[1],"layers_pattern":"["}', 'layers_pattern is "["'],
  ['{"exclude_modules":{}}', 'exclude_modules is {}'],
  ['{"use_rslora":"yes"}', 'use_rslora is "yes"'],
  ['{"modules_to_save":"score"}', 'modules_to_save is "score"'],
  ['{"base_model_name_or_path":7}', 'base_model_name_or_path is 7'],
])('adapter_config.json %s', (text, message) => {
  expect(() => parseLoraConfig(text)).toThrow(message);
});
