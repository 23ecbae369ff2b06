import { bytesFolder, bytesSource } from '@arena/files';
import { GgufError, openGguf } from '@arena/gguf';
import { describe, expect, test } from 'vitest';
import { type FileSpec, floatBytes, type Pair, type TensorSpec, writeGguf } from './write-gguf.js';

const T0: TensorSpec = { name: 't.0', type: 0, shape: [2, 4], data: floatBytes([1, 2, 3, 4, 5, 6, 7, 8]) };
const T1: TensorSpec = { name: 't.1', type: 0, shape: [3], data: floatBytes([-1, 0.5, 9]) };
const fine: FileSpec = { pairs: [['general.architecture', 'string', 'none']], tensors: [T0, T1] };

const open = (file: FileSpec | Uint8Array) =>
  openGguf(bytesSource(file instanceof Uint8Array ? file : writeGguf(file), 'model.gguf'));

async function refusal(file: FileSpec | Uint8Array): Promise<GgufError> {
  const error = await open(file).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(GgufError);
  return error;
}

const pairs: Pair[] = [
  ['a.u8', 'u8', 255],
  ['a.i8', 'i8', -128],
  ['a.u16', 'u16', 65535],
  ['a.i16', 'i16', -2],
  ['a.u32', 'u32', 4294967295],
  ['a.i32', 'i32', -2147483648],
  ['a.f32', 'f32', 0.5],
  ['a.f64', 'f64', 0.1],
  ['a.yes', 'bool', true],
  ['a.no', 'bool', false],
  ['a.text', 'string', 'Grüße 🌍'],
  ['a.small', 'u64', 7n],
  ['a.long', 'u64', 9007199254740993n],
  ['a.negative', 'i64', -4611686018427387905n],
  ['a.texts', ['string'], ['one', 'zwölf', '']],
  ['a.none', ['i32'], []],
  ['a.numbers', ['f32'], [1, -0.25]],
  ['a.longs', ['u64'], [1n, 2n ** 63n]],
  ['a.flags', ['bool'], [true, false, true]],
];

test.each([2, 3] as const)('version %i: every kind of value, exactly', async (version) => {
  const { metadata, version: read } = await open({ version, pairs });
  expect(read).toBe(version);
  expect([...metadata.keys()]).toEqual(pairs.map(([key]) => key));
  const shown = Object.fromEntries(
    [...metadata].map(([key, value]) => [key, typeof value === 'object' ? [...value] : value]),
  );
  expect(shown).toEqual({
    ...Object.fromEntries(pairs.map(([key, , value]) => [key, value])),
    'a.small': 7,
    'a.flags': [1, 0, 1],
  });
  expect(metadata.get('a.numbers')).toBeInstanceOf(Float32Array);
});

test('an array of texts is asked like an array', async () => {
  const words = Array.from({ length: 70_000 }, (_, i) => (i % 3 ? `token ${i}` : `▁ein längeres Wort ${i}`));
  const { metadata } = await open({ pairs: [['tokenizer.ggml.tokens', ['string'], words]] });
  const tokens = metadata.get('tokenizer.ggml.tokens') as { at(index: number): string | undefined; length: number };
  expect(tokens.length).toBe(words.length);
  expect(tokens.at(69_999)).toBe(words.at(69_999));
  expect(tokens.at(-2)).toBe(words.at(-2));
  expect(tokens.at(70_000)).toBeUndefined();
  expect([...(tokens as unknown as Iterable<string>)]).toEqual(words);
});

test('tensors: shapes in torch order, rows alone, bytes as stored', async () => {
  const file = await open(fine);
  expect(file.tensors.get('t.0')).toMatchObject({ shape: [2, 4], type: 'F32', bytes: 32 });
  expect([...(await file.readFloat32('t.0'))]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect([...(await file.readFloat32('t.0', [1, 2]))]).toEqual([5, 6, 7, 8]);
  expect([...(await file.readFloat32('t.0', [1, 1]))]).toEqual([]);
  expect([...(await file.readFloat32('t.1', [1, 3]))]).toEqual([0.5, 9]);
  const parts: Uint8Array[] = [];
  for await (const part of file.readStored('t.1')) parts.push(part);
  expect(parts).toEqual([T1.data]);
  await expect(file.readFloat32('t.2')).rejects.toThrow(/tensor "t.2": is not among the 2 tensors \(t.0, t.1/);
  for (const rows of [
    [0, 3],
    [-1, 1],
    [1, 0],
    [0, 0.5],
  ] as [number, number][]) {
    await expect(file.readFloat32('t.0', rows)).rejects.toThrow(/"t.0": rows .* were asked for, its shape is \[2, 4\]/);
  }
});

test.each([8, 16, 24, 64, 4096])(
  'alignment %i, with bytes between the tensors and behind the last',
  async (alignment) => {
    for (const length of [1, 2, 3, 9, 17]) {
      const aligned: Pair[] = [
        ['general.alignment', 'u32', alignment],
        ['a', 'string', 'x'.repeat(length)],
      ];
      const bytes = writeGguf({ ...fine, alignment, gap: 96, pairs: aligned });
      const file = await open(Uint8Array.from([...bytes, ...new Array(50).fill(0)]));
      expect([...(await file.readFloat32('t.0', [0, 1]))]).toEqual([1, 2, 3, 4]);
      expect([...(await file.readFloat32('t.1'))]).toEqual([-1, 0.5, 9]);
    }
  },
);

test('no range beyond the file is asked for, and few of them', async () => {
  const words = Array.from({ length: 40_000 }, (_, i) => `token number ${i}`);
  const bytes = writeGguf({ ...fine, pairs: [['tokenizer.ggml.tokens', ['string'], words]] });
  const ranges: [number, number][] = [];
  const source = {
    ...bytesSource(bytes, 'far.gguf'),
    read: async (begin: number, end: number) => {
      ranges.push([begin, end]);
      return bytes.subarray(begin, end);
    },
  };
  const file = await openGguf(source);
  for (const [begin, end] of ranges) expect(begin < end && end <= bytes.length).toBe(true);
  expect(ranges.length).toBeLessThan(6);
  ranges.length = 0;
  await file.readFloat32('t.0', [1, 2]);
  expect(ranges).toHaveLength(1);
  expect(ranges[0][1] - ranges[0][0]).toBe(16);
});

describe('what is no GGUF file of version 2 or 3 is refused by what it is', () => {
  const text = (words: string) => new TextEncoder().encode(words);
  const v3 = writeGguf(fine);
  const bigEndian = v3.slice();
  bigEndian.set([0, 0, 0, 3], 4);
  test.each<[string, Uint8Array, string, RegExp]>([
    ['empty', new Uint8Array(0), 'not_gguf', /is empty/],
    ['ggjt', text('tjgg\x03\0\0\0\0\0\0\0'), 'not_gguf', /old GGML file/],
    ['ggml', text('lmgg\x03\0\0\0'), 'not_gguf', /old GGML file/],
    ['a pointer', text('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'), 'not_gguf', /Git LFS pointer/],
    ['a page', text('<!DOCTYPE html><html><body>Sign in</body></html>'), 'not_gguf', /HTML page/],
    ['safetensors', text('\x10\0\0\0\0\0\0\0{"__metadata__":'), 'not_gguf', /safetensors file, not a GGUF/],
    ['zip', text('PK\x03\x04 and so on'), 'not_gguf', /zip archive/],
    ['words', text('Once upon a time'), 'not_gguf', /no GGUF file: it begins with the bytes 4f 6e 63 65/],
    ['four bytes', text('GGUF'), 'truncated', /cut short/],
    ['version 1', writeGguf({ ...fine, version: 1 }), 'version', /version 1/],
    ['version 4', writeGguf({ ...fine, version: 4 }), 'version', /version 4/],
    ['version 0', writeGguf({ ...fine, version: 0 }), 'version', /version 0/],
    ['big-endian', bigEndian, 'version', /big-endian/],
  ])('%s', async (_, bytes, code, message) => {
    const error = await refusal(bytes);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.file).toBe('model.gguf');
  });
});

describe('lengths, counts and offsets that cannot be are refused by name', () => {
  const edit = (bytes: Uint8Array, at: number, value: bigint) => {
    const copy = bytes.slice();
    new DataView(copy.buffer).setBigUint64(at, value, true);
    return copy;
  };
  const nested = writeGguf({ pairs: [['a.deep', ['u8'], [1, 2, 3]]] });
  nested[24 + 8 + 6 + 4] = 9; // the type of the elements
  const odd = writeGguf({ pairs: [['a.key', 'u8', 1]] });
  odd[24 + 8 + 5] = 77;
  const oddArray = writeGguf({ pairs: [['a.key', ['u8'], [1]]] });
  oddArray[24 + 8 + 5 + 4] = 77;
  const name = writeGguf({ pairs: [['general.name', 'string', 'abc']] });
  const tokens = writeGguf({ pairs: [['tokenizer.ggml.tokens', ['string'], ['a', 'b']]] });
  const key = writeGguf({ pairs: [['general.architecture', 'string', 'x']] });
  const badKey = key.slice();
  badKey[24 + 8] = 0xff;
  const arrayAt = 24 + 8 + 'tokenizer.ggml.tokens'.length + 8;
  const aligned = (value: number): FileSpec => ({ ...fine, pairs: [['general.alignment', 'u32', value]] });
  const shaped = (shape: (number | bigint)[], type = 0): FileSpec => ({ tensors: [{ name: 't.odd', type, shape }] });
  const at = (offset: number | bigint): FileSpec => ({ tensors: [T0, { ...T1, offset }] });
  test.each<[string, FileSpec | Uint8Array, string, RegExp]>([
    ['tensors', { ...fine, tensorCount: 2n ** 63n }, 'truncated', /number of tensors is 9223372036854775808/],
    ['pairs', { ...fine, pairCount: 2n ** 40n }, 'truncated', /number of metadata pairs is 1099511627776/],
    ['length of a key', edit(key, 24, 2n ** 62n), 'truncated', /length of the key of metadata pair 1 of 1 is/],
    ['a key that is no text', badKey, 'metadata', /the key of metadata pair 1 of 1 is not UTF-8/],
    [
      'length of a text',
      edit(name, 24 + 8 + 12 + 4, 2n ** 30n),
      'truncated',
      /key "general.name": the length of its text/,
    ],
    [
      'length of an array',
      edit(tokens, arrayAt, 2n ** 62n),
      'truncated',
      /key "tokenizer.ggml.tokens": the number of its/,
    ],
    [
      'length within an array',
      edit(tokens, arrayAt + 8, 2n ** 33n),
      'truncated',
      /key "tokenizer.ggml.tokens": the length of string 0 is 8589934592/,
    ],
    ['an array of arrays', nested, 'metadata', /key "a.deep": is an array of arrays/],
    ['type of a value', odd, 'metadata', /key "a.key": its value is of type 77/],
    ['type of elements', oddArray, 'metadata', /key "a.key": its elements are of type 77/],
    [
      'a key twice',
      {
        pairs: [
          ['a', 'u8', 1],
          ['a', 'u8', 1],
        ],
      },
      'metadata',
      /key "a": stands twice/,
    ],
    ['alignment 0', aligned(0), 'metadata', /key "general.alignment": is 0/],
    ['alignment 3', aligned(3), 'metadata', /key "general.alignment": is 3/],
    ['alignment 2^31', aligned(2 ** 31), 'metadata', /key "general.alignment": is 2147483648/],
    ['alignment as text', { pairs: [['general.alignment', 'string', '32']] }, 'metadata', /general.alignment/],
    ['nine dimensions', shaped([1, 1, 1, 1, 1, 1, 1, 1, 1]), 'tensor', /tensor "t.odd": has 9 dimensions/],
    [
      'a shape past 2^64',
      shaped([4, 2n ** 63n]),
      'tensor',
      /tensor "t.odd": its shape \[4, 9223372036854775808\] is too large/,
    ],
    ['a huge size beside 0', shaped([2n ** 60n, 0]), 'tensor', /tensor "t.odd": its shape .* is too large/],
    ['a row of 40', shaped([1, 40], 8), 'tensor', /tensor "t.odd": a row has 40 values, .* 32, the block of Q8_0/],
    ['an unknown type', shaped([1, 32], 99), 'type', /tensor "t.odd": its type is number 99, which is not known/],
    ['a dropped type', shaped([1, 32], 31), 'type', /tensor "t.odd": its type is Q4_0_4_4, which ggml has dropped/],
    ['a tensor twice', { tensors: [T0, { ...T1, name: 't.0' }] }, 'tensor', /tensor "t.0": stands twice/],
    ['an offset off the alignment', at(36), 'tensor', /tensor "t.1": its offset 36 is no multiple of .* 32/],
    ['an offset outside', at(2n ** 40n), 'truncated', /tensor "t.1": its offset is 1099511627776/],
    ['an offset at the end', at(64), 'truncated', /tensor "t.1": ends at byte .* cut short/],
    ['an overlap', at(0), 'tensor', /tensor "t.1": starts at byte .*, within tensor t.0/],
    ['cut in the data', writeGguf(fine).slice(0, -5), 'truncated', /tensor "t.1": ends at byte/],
    [
      'cut in the header',
      writeGguf(fine).slice(0, 100),
      'truncated',
      /tensor "t.0": its type ends at byte 103, the file has 100/,
    ],
  ])('%s', async (_, file, code, message) => {
    const error = await refusal(file);
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  test('the error names tensor or key as fields', async () => {
    expect(await refusal(at(36))).toMatchObject({ tensor: 't.1', key: undefined });
    expect(await refusal(aligned(3))).toMatchObject({ tensor: undefined, key: 'general.alignment' });
  });
});

describe('a model in several files', () => {
  const part = (no: number, tensors: TensorSpec[], more: Pair[] = []) =>
    writeGguf({
      pairs: [...more, ['split.no', 'u16', no], ['split.count', 'u16', 2], ['split.tensors.count', 'i32', 2]],
      tensors,
    });
  const names = ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'];
  const first = part(0, [T0], [['general.name', 'string', 'both']]);
  const files = { [names[0]]: first, [names[1]]: part(1, [T1]) };

  test.each(names)('is whole from %s', async (name) => {
    const file = await openGguf(bytesFolder(files), name);
    expect(file.metadata.get('general.name')).toBe('both');
    expect(file.files).toEqual(names);
    expect([...file.tensors.keys()]).toEqual(['t.0', 't.1']);
    expect([...(await file.readFloat32('t.0', [1, 2])), ...(await file.readFloat32('t.1'))]).toEqual([
      5, 6, 7, 8, -1, 0.5, 9,
    ]);
  });

  const from = (folder: Record<string, Uint8Array>, name: string) =>
    openGguf(bytesFolder(folder), name).then(
      () => undefined,
      (reason) => reason as GgufError,
    );

  test('a missing, another or a renamed part is named', async () => {
    const missing = await from({ [names[0]]: first }, names[0]);
    expect(missing?.code).toBe('missing_part');
    expect(missing?.message).toContain('needs "m-00002-of-00002.gguf", part 2 of 2: it is not beside this file');
    const alone = await openGguf(bytesSource(first, names[0])).catch((reason) => reason);
    expect(alone.message).toContain('m-00002-of-00002.gguf", part 2 of 2: this file alone was given');
    const twice = await from({ [names[0]]: first, [names[1]]: first }, names[0]);
    expect(twice?.message).toContain('should be part 2 of 2, but is part 1 of 2');
    const whole = await from({ [names[0]]: first, [names[1]]: writeGguf(fine) }, names[0]);
    expect(whole?.message).toContain('should be part 2 of 2, but is a model of one file');
    const renamed = await from({ 'model.gguf': first }, 'model.gguf');
    expect(renamed?.message).toContain('its name is not ...-00001-of-00002.gguf');
    const none = await from({}, names[0]);
    expect(none?.message).toContain('"m-00001-of-00002.gguf" is not there');
  });

  test('tensors twice or too few are refused', async () => {
    const twice = await from({ [names[0]]: first, [names[1]]: part(1, [T0]) }, names[0]);
    expect(twice?.message).toMatch(/m-00002-of-00002.gguf, tensor "t.0": stands in two parts/);
    const few = await from({ [names[0]]: first, [names[1]]: part(1, []) }, names[0]);
    expect(few?.message).toMatch(/key "split.tensors.count": says 2, but the parts hold 1/);
  });

  test('what was opened is closed when a part is refused', async () => {
    const closed: string[] = [];
    const folder = bytesFolder({ ...files, [names[1]]: first });
    const error = await openGguf(async (name) => {
      const source = await folder(name);
      return source && { ...source, close: async () => void closed.push(name) };
    }, names[0]).catch((reason) => reason);
    expect(error).toBeInstanceOf(GgufError);
    expect(closed).toEqual(names);
  });
});
