/** @file One bad input for each code of a QuantError. */
import { bytesFolder } from '@arena/files';
import { parseState, QuantError, quantize4bit, quantizedWeights } from '@arena/quant';
import { openWeights, serialize } from '@arena/safetensors';
import { expect, test } from 'vitest';

test.each<[QuantError['code'], () => unknown]>([
  ['argument', () => quantize4bit(new Float32Array(4), [3])],
  ['values', () => quantize4bit(Float32Array.of(1, Number.NaN), [2])],
  ['state', () => parseState('w', new Map())],
  [
    'weights',
    async () => {
      const file = serialize([{ name: 'a', dtype: 'F32', shape: [2], data: new Uint8Array(8) }]);
      await quantizedWeights(await openWeights(bytesFolder({ 'model.safetensors': file })), { names: ['b'] });
    },
  ],
])('%s', async (code, run) => {
  const error = await (async () => run())().catch((one) => one);
  expect(error).toBeInstanceOf(QuantError);
  expect(error).toMatchObject({ name: 'QuantError', code });
});
