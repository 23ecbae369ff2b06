/** @file Damaged config.json files and 4-bit states: a right answer, or an error that names the place. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesFolder } from '@arena/files';
import { describeGemma } from '@arena/gemma/checkpoint';
import { dequantize4bit, parseState, quantize4bit, serializeState } from '@arena/quant';
import { expect, test } from 'vitest';
import { mutate } from '../../safetensors/test/mutate.js';
import { tinyCheckpoint } from './tiny.js';

test('1,000 damaged config.json files', async () => {
  const base = await tinyCheckpoint();
  const config = new Uint8Array(await readFile(join(base, 'config.json')));
  const weights = new Uint8Array(await readFile(join(base, 'model.safetensors')));
  let good = 0;
  for (let seed = 0; seed < 1000; seed++) {
    const folder = bytesFolder({ 'config.json': mutate(config, seed), 'model.safetensors': weights });
    try {
      await describeGemma(folder);
      good++;
    } catch (error) {
      expect((error as Error).name, String((error as Error).stack)).toBe('DecoderError');
      expect((error as Error).message).toMatch(/^checkpoint/);
    }
  }
  expect(good).toBeGreaterThan(50);
});

test('1,000 damaged 4-bit states', () => {
  const weight = quantize4bit(
    Float32Array.from({ length: 300 }, (_, i) => Math.sin(i)),
    [10, 30],
    { doubleQuant: true },
  );
  const tensors = serializeState('w', weight);
  let good = 0;
  for (let seed = 0; seed < 1000; seed++) {
    const damaged = tensors.map((tensor, i) => {
      const data =
        i === seed % tensors.length || i === tensors.length - 1 ? mutate(tensor.data, seed + i) : tensor.data;
      return [tensor.name, { ...tensor, data: Uint8Array.from(data) }] as const;
    });
    try {
      dequantize4bit(parseState('w', new Map(damaged)));
      good++;
    } catch (error) {
      expect((error as Error).name, String((error as Error).stack)).toBe('QuantError');
      expect((error as Error).message).toMatch(/^w/);
    }
  }
  expect(good).toBeLessThan(1000);
});
