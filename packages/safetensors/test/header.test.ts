import { readFile } from 'node:fs/promises';
import { bytesSource } from '@arena/files';
import { openSafetensors, SafetensorsError } from '@arena/safetensors';
import { describe, expect, test } from 'vitest';

/** A file from header text and the size of its data. */
function build(header: string | Uint8Array, dataBytes = 0, length?: bigint): Uint8Array {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const out = new Uint8Array(8 + json.length + dataBytes);
  new DataView(out.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  out.set(json, 8);
  return out;
}
const open = (bytes: Uint8Array) => openSafetensors(bytesSource(bytes, 'f.safetensors'));
const entry = (dtype: string, shape: string, begin: number, end: number) =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

describe('a header that does not hold together is refused by file and tensor', () => {
  const f4 = entry('F32', '[1]', 0, 4);
  test.each<[string, Uint8Array, RegExp]>([
    ['empty file', new Uint8Array(0), /has 0 bytes/],
    ['short file', new Uint8Array(7), /has 7 bytes/],
    ['huge length', build('{}', 0, 2n ** 63n), /limit is 100000000/],
    ['length beyond the file', build('{}', 0, 100n), /cut short/],
    ['no JSON', build('{"a":'), /not JSON/],
    ['empty header', build(''), /starts with "", not/],
    ['a list', build('[]'), /starts with "\["/],
    ['byte order mark', build('\ufeff{}'), /starts with/],
    ['not UTF-8', build(new Uint8Array([0x7b, 0xff, 0x7d])), /not UTF-8/],
    ['key twice', build(`{"a":${f4},"a":${f4}}`, 4), /key "a" twice/],
    ['key twice by escape', build(`{"a":${f4},"\\u0061":${f4}}`, 4), /key "a" twice/],
    ['field twice', build('{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4), /"dtype" twice/],
    ['metadata of numbers', build('{"__metadata__":{"a":1}}'), /__metadata__ "a" is not a string/],
    ['metadata a list', build('{"__metadata__":[]}'), /__metadata__ is not an object/],
    ['entry null', build('{"a":null}'), /f\.safetensors, tensor "a": its header entry is not an object/],
    ['unknown field', build('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', 4), /unknown field "x"/],
    ['unknown dtype', build(`{"a":${entry('F31', '[1]', 0, 4)}}`, 4), /dtype .*F31.* is not known/],
    ['dtype from a prototype', build(`{"a":${entry('toString', '[1]', 0, 4)}}`, 4), /is not known/],
    ['no dtype', build('{"a":{"shape":[1],"data_offsets":[0,4]}}', 4), /dtype "missing"/],
    ['negative size', build(`{"a":${entry('F32', '[-1]', 0, 4)}}`, 4), /shape is not a list of whole/],
    ['fraction', build(`{"a":${entry('F32', '[1.5]', 0, 6)}}`, 6), /shape is not a list of whole/],
    ['product overflows', build(`{"a":${entry('F32', '[4294967296,4294967296]', 0, 4)}}`, 4), /too large/],
    ['offsets of one', build('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}', 4), /not a pair/],
    [
      'shape against offsets',
      build(`{"a":${entry('F32', '[2]', 0, 4)}}`, 4),
      /takes 8 bytes, data_offsets 0 to 4 give 4/,
    ],
    ['backwards', build(`{"a":${entry('F32', '[1]', 4, 0)}}`, 4), /give -4/],
    ['overlap', build(`{"a":${f4},"b":${entry('F32', '[1]', 2, 6)}}`, 6), /tensor "b": .*overlaps/],
    ['hole', build(`{"a":${f4},"b":${entry('F32', '[1]', 8, 12)}}`, 12), /tensor "b": .*hole of 4 bytes/],
    ['data cut short', build(`{"a":${f4}}`, 3), /tensor "a": ends at byte .* cut short/],
    ['trailing bytes', build(`{"a":${f4}}`, 6), /2 bytes follow the last tensor/],
  ])('%s', async (_, bytes, message) => {
    const error = await open(bytes).catch((reason) => reason);
    expect(error).toBeInstanceOf(SafetensorsError);
    expect(error.message).toMatch(message);
    expect(error.file).toBe('f.safetensors');
  });
});

test('odd but valid headers are read', async () => {
  expect((await open(build('{}'))).names()).toEqual([]);
  const scalars = `{"e":${entry('F32', '[0,7]', 2, 2)},"__proto__":${entry('U8', '[]', 0, 1)},"\\u0062":${entry('U8', '[1]', 1, 2)}}   `;
  const file = await open(build(scalars, 2));
  expect(file.names()).toEqual(['e', '__proto__', 'b']);
  expect(file.metadata).toBeNull();
  expect((await file.read('e')).data.length).toBe(0);
  expect((await file.read('__proto__')).shape).toEqual([]);
});

test('10 MB names and 100,000 nested lists end quickly and typed', async () => {
  const long = 'x'.repeat(10_000_000);
  await expect(open(build(`{"${long}":1}`))).rejects.toThrow(SafetensorsError);
  await expect(open(build(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`))).rejects.toThrow(SafetensorsError);
});

test('1,000 seeded mutations of a real file give a typed error or a file that reads', async () => {
  const original = new Uint8Array(await readFile(new URL('./fixtures/nf4_odd_count.safetensors', import.meta.url)));
  const headerBytes = 8 + original[0] + 256 * original[1];
  let state = 20_250_101;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const digits = '0123456789-[]{}",:.eF'.split('').map((char) => char.charCodeAt(0));
  let refused = 0;
  for (let round = 0; round < 1000; round++) {
    let bytes = original.slice();
    for (let edits = 1 + random(3); edits > 0; edits--) {
      const at = random(headerBytes);
      const kind = random(5);
      if (kind === 0) bytes[at] = random(256);
      else if (kind === 1) bytes[8 + random(headerBytes - 8)] = digits[random(digits.length)];
      else if (kind === 2) bytes = bytes.slice(0, random(bytes.length));
      else if (kind === 3) bytes = Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + 1 + random(40))]);
      else
        bytes = Uint8Array.from([
          ...bytes.slice(0, at),
          ...bytes.slice(random(headerBytes), headerBytes),
          ...bytes.slice(at),
        ]);
    }
    try {
      const file = await open(bytes);
      for (const name of file.names()) {
        const { begin, end } = file.tensors.get(name)!;
        expect((await file.read(name)).data.length).toBe(end - begin);
      }
    } catch (error) {
      expect(error, String(error)).toBeInstanceOf(SafetensorsError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(700);
});
