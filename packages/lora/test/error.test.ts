/** @file One bad input for each code of a LoraError. */
import { bytesFolder } from '@arena/files';
import { checkAdapter, combineAdapters, LoraError, loadAdapter, loraConfig } from '@arena/lora';
import { resolveTargets } from '@arena/lora/names';
import { expect, test } from 'vitest';

const config = loraConfig({ r: 2, target_modules: ['q_proj'] });
const modules = [{ path: 'model.layers.0.self_attn.q_proj', inFeatures: 4, outFeatures: 4 }];

test.each<[LoraError['code'], () => unknown]>([
  ['config', () => loraConfig({ r: -1 })],
  ['not_found', () => loadAdapter(bytesFolder({}))],
  ['weights', () => checkAdapter({ config, weights: new Map() }, resolveTargets(config, modules))],
  ['targets', () => resolveTargets(loraConfig({ target_modules: ['no_such'] }), modules)],
  ['argument', () => combineAdapters([], { weights: [] })],
])('%s', async (code, run) => {
  const error = await (async () => run())().catch((one) => one);
  expect(error).toBeInstanceOf(LoraError);
  expect(error).toMatchObject({ name: 'LoraError', code });
});
