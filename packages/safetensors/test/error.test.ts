/** @file One bad input for each code of a SafetensorsError. */
import { bytesFolder, bytesSource } from '@arena/files';
import { openCheckpoint, openSafetensors, SafetensorsError, serialize } from '@arena/safetensors';
import { expect, test } from 'vitest';

const whole = serialize([{ name: 'a', dtype: 'F32', shape: [2], data: new Uint8Array(8) }]);
const header = (text: string) => {
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(new TextEncoder().encode(text), 8);
  return bytes;
};

test.each<[SafetensorsError['code'], () => unknown]>([
  ['not_found', () => openCheckpoint(bytesFolder({}))],
  ['not_found', async () => (await openSafetensors(bytesSource(whole))).read('b')],
  ['format', () => openSafetensors(bytesSource(header('[]')))],
  ['truncated', () => openSafetensors(bytesSource(whole.slice(0, -1)))],
  ['too_large', () => serialize([], { note: 'x'.repeat(100_000_001) })],
  ['argument', () => serialize([{ name: 'a', dtype: 'F32', shape: [3], data: new Uint8Array(8) }])],
])('%s', async (code, run) => {
  const error = await (async () => run())().catch((one) => one);
  expect(error).toBeInstanceOf(SafetensorsError);
  expect(error).toMatchObject({ name: 'SafetensorsError', code });
});
