/** @file UTF-8, JSON as Python writes it, ids, kinds of files. */
import { bytesFolder } from '@arena/files';
import {
  decimalText,
  decodeUtf8,
  fileKind,
  fileText,
  idText,
  isoTime,
  jsonRecord,
  keyAt,
  parseJson,
  readTextAt,
  textBytes,
  utf8Stream,
} from '@arena/files/text';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const bytesOf = (text: string) => new TextEncoder().encode(text);
const latin1 = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

describe('UTF-8', () => {
  const soup = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 4 }).map(bytesOf),
        fc.constantFrom(
          [0x80],
          [0xc0, 0x80],
          [0xc3],
          [0xe0, 0x9f, 0x80],
          [0xed, 0xa0, 0x80],
          [0xf0, 0x9f, 0x98],
          [0xf4, 0x90, 0x80, 0x80],
          [0xff],
        ),
      ),
      { maxLength: 6 },
    )
    .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));

  test('in any parts it is what TextDecoder says, or its first wrong byte is found', () => {
    const strict = new TextDecoder('utf-8', { fatal: true });
    fc.assert(
      fc.property(soup, fc.integer({ min: 1, max: 5 }), (bytes, size) => {
        let want: string | undefined;
        try {
          want = strict.decode(bytes);
        } catch {
          // not UTF-8
        }
        const stream = utf8Stream();
        let text = '';
        let bad: string | undefined;
        for (let at = 0; at < bytes.length && bad === undefined; at += size) {
          const part = stream.push(bytes.subarray(at, at + size));
          text += part.text;
          bad = part.bad;
        }
        bad ??= stream.end().bad;
        expect(bad === undefined ? text : undefined).toBe(want);
        // all before the wrong byte is right, and no longer part is
        if (want === undefined) {
          const right = bytesOf(text).length + (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0);
          expect(() => strict.decode(bytes.subarray(0, right))).not.toThrow();
          for (let end = right + 1; end <= Math.min(right + 4, bytes.length); end++) {
            expect(() => strict.decode(bytes.subarray(0, end))).toThrow();
          }
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('what is said of other encodings', () => {
    const sentence = (label: string, text: number[]) => decodeUtf8(Uint8Array.from(text)).bad ?? label;
    expect(sentence('', [...latin1('caf\xe9, na\xefve')])).toMatch(
      /^byte 0xE9 after "caf" is not UTF-8; the text seems to be Windows-1252.*iconv -f WINDOWS-1252 -t UTF-8/,
    );
    // Texts in their encodings, by Python's codecs: 'これはテストです' etc.
    const hex = (text: string) => [...text.matchAll(/../g)].map(([byte]) => Number.parseInt(byte, 16));
    expect(sentence('', hex('82b182ea82cd8365835882678ec08ca182c582b7'))).toMatch(/Shift_JIS/);
    expect(sentence('', hex('cff0e8e2e5f22c20eae0ea20e4e5ebe03f'))).toMatch(/Windows-1251/);
    expect(sentence('', hex('c7d1b1b9beee20b9aec0e5c0d4b4cfb4d9'))).toMatch(/EUC-KR/);
    expect(sentence('', hex('d5e2cac7d2bbb8f6b2e2cad4bee4d7d3'))).toMatch(/GB18030/);
    expect(sentence('', [...latin1('x\xed\xa0\xbd\xed\xb8\x80')])).toMatch(/0xEDA0BD is half a surrogate pair/);
    expect(sentence('', [...latin1('x\xe2\x82')])).toMatch(/cuts off; is the file complete/);
  });
});

describe('JSON', () => {
  const fail = (reason: string) => new Error(reason);
  const read = (line: string, ...exact: string[]) => jsonRecord(line, { exact: new Set(exact) }, fail);

  test('numbers of ids are as they are written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n }), (id) => {
        const line = `{"x":{"id":1},"text":"\\"id\\": 2","\\u0069d" : ${id},"y":[3]}`;
        expect(String(read(line, 'id')!.id)).toBe(String(id));
      }),
    );
    expect(read('{"id":0.10}', 'id')!.id).toBe('0.10');
    expect(read('{"id":0.10}')!.id).toBe(0.1);
    expect(read('{"id":12345678901234567890.5e3}', 'id')!.id).toBe('12345678901234567890.5e3');
    expect(read('{"id":1.0}', 'id')!.id).toBe(1);
  });

  test('a key twice is named, at any depth; the same key of two objects is not', () => {
    expect(() => read('{"a":1,"b":[{"c":1},{"c":2,"\\u0063":3}]}')).toThrow('the key "c" stands twice');
    expect(() => read('{"a":"{\\"a\\":1","a":2}')).toThrow('the key "a" stands twice');
    expect(read('{"a":{"a":1},"b":{"a":"a"}}')).toEqual({ a: { a: 1 }, b: { a: 'a' } });
    expect(jsonRecord('{"id":1,"id":2}', { exact: new Set(), repeatedKeys: 'last' }, fail)).toEqual({ id: 2 });
  });

  test("Python's NaN and Infinity, outside of texts", () => {
    // json.dumps({"a": nan, "b": [inf, -inf], "c": "NaN, \"Infinity\" \\"})
    const line = '{"a": NaN, "b": [Infinity, -Infinity], "c": "NaN, \\"Infinity\\" \\\\"}';
    expect(read(line)).toEqual({
      a: null,
      b: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      c: 'NaN, "Infinity" \\',
    });
    expect(parseJson('[NaN]')).toEqual([null]);
    expect(() => parseJson('[NaN')).toThrow(SyntaxError);
    for (const line of ['{"a": xNaN}', '{NaN: 1}', '[1]', 'null', '', '{"a":1']) expect(read(line)).toBeNull();
  });

  test('any object is read as JSON.parse reads it', () => {
    const keys = fc.constantFrom('a', 'b', 'id', '"', '\\', '\\"', 'é', '__proto__');
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        tie('list'),
        tie('object'),
      ),
      list: fc.array(tie('value'), { maxLength: 3 }),
      object: fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
    }));
    fc.assert(
      fc.property(value.object, fc.constantFrom(undefined, 1), (object, indent) => {
        const text = JSON.stringify(object, null, indent);
        expect(read(text, 'id')).toEqual(JSON.parse(text));
      }),
    );
  });

  test('the key whose value is begun', () => {
    expect(keyAt('{"a":1,"b":{"c":"x')).toBe('b');
    expect(keyAt('{"a":"x\\" , \\"b\\": ')).toBe('a');
    expect(keyAt('{"a')).toBeUndefined();
  });
});

describe('ids', () => {
  const refuse = (what: string) => new Error(what);
  test.each<[unknown, string | undefined]>([
    ['', undefined],
    [' ', undefined],
    [null, undefined],
    [undefined, undefined],
    [Number.NaN, undefined],
    [' x', ' x'],
    [0, '0'],
    [-0, '0'],
    [2 ** 53 - 1, '9007199254740991'],
    [9223372036854775807n, '9223372036854775807'],
    [Uint8Array.of(0, 15, 255), '000fff'],
  ])('%s', (value, id) => {
    expect(idText(value, refuse)).toBe(id);
  });
  test.each<[unknown, RegExp]>([
    [2 ** 53, /floating-point number 9007199254740992/],
    [0.5, /floating-point number 0.5/],
    [true, /^true; a text or a whole number/],
    [{ $oid: 'x' }, /an object/],
    [['x'], /a list/],
  ])('%s is refused', (value, message) => {
    expect(() => idText(value, refuse)).toThrow(message);
  });
  test('moments and decimals', () => {
    // datetime.fromtimestamp(…, timezone.utc), str(Decimal(…)) of Python
    expect(isoTime(1714567890123456n, 6)).toBe('2024-05-01T12:51:30.123456Z');
    expect(isoTime(-1n, 9)).toBe('1969-12-31T23:59:59.999999999Z');
    expect(isoTime(0, 3)).toBe('1970-01-01T00:00:00.000Z');
    expect(isoTime(2n ** 63n - 1n, 6)).toBe('9223372036854775807');
    expect([decimalText(-5n, 2), decimalText(12345n, 2), decimalText(7n, 0), decimalText(0n, 3)]).toEqual([
      '-0.05',
      '123.45',
      '7',
      '0.000',
    ]);
  });
});

describe('kinds of files by their first bytes', () => {
  const tar = new Uint8Array(512);
  tar.set(latin1('votes.csv'));
  tar.set(latin1('ustar\x0000'), 257);
  test.each<[string, Uint8Array | string, string | undefined]>([
    ['text', 'id,prompt\n1,x\n', undefined],
    ['JSON', '{"id":1}\n', undefined],
    ['empty', '', undefined],
    ['UTF-8 with a mark', '\xef\xbb\xbfid,prompt\n', undefined],
    ['a column', 'category\nx\n', undefined],
    ['a text that begins with PK', 'PK,prompt\n', undefined],
    ['Git LFS', 'version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n', 'lfs-pointer'],
    ['gzip', '\x1f\x8b\x08', 'gzip'],
    ['zstd', '\x28\xb5\x2f\xfd', 'zstd'],
    ['zstd, skippable first', '\x50\x2a\x4d\x18\x04\0\0\0', 'zstd'],
    ['bzip2', 'BZh91AY&SY', 'bzip2'],
    ['xz', '\xfd7zXZ\0', 'xz'],
    ['tar', tar, 'tar'],
    ['zip', 'PK\x03\x04\x14\0\0\0\x08\0........votes.csv', 'zip'],
    ['xlsx', 'PK\x03\x04\x14\0......docProps/app.xml...PK\x03\x04....xl/workbook.xml', 'xlsx'],
    ['docx', 'PK\x03\x04....[Content_Types].xml....PK\x03\x04....word/document.xml', 'docx'],
    ['an Office file', 'PK\x03\x04\x14\0......[Content_Types].xml', 'office'],
    ['PyTorch', 'PK\x03\x04....archive/data.pkl', 'pytorch'],
    ['Parquet', 'PAR1\x15', 'parquet'],
    ['Arrow file', 'ARROW1\0\0', 'arrow'],
    ['Feather 1', 'FEA1', 'feather'],
    ['Arrow stream', '\xff\xff\xff\xff\x70\x02\0\0\x10\0\0\0\0\0\x0a\0', 'arrow-stream'],
    ['Avro', 'Obj\x01\x04', 'avro'],
    ['ORC', 'ORC\x11', 'orc'],
    ['SQLite', 'SQLite format 3\0', 'sqlite'],
    ['pickle 4', '\x80\x04\x95', 'pickle'],
    ['pickle 0', '(dp0\n', 'pickle'],
    ['HDF5', '\x89HDF\r\n\x1a\n', 'hdf5'],
    ['GGUF', 'GGUF\x03\0\0\0', 'gguf'],
    ['safetensors', '\x40\0\0\0\0\0\0\0{"a":', 'safetensors'],
    ['Excel of 1997', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'xls'],
    ['._x of macOS', '\0\x05\x16\x07\0\x02\0\0Mac OS X', 'apple-double'],
    ['UTF-16 with a mark', '\xff\xfei\0d\0', 'utf-16'],
    ['UTF-16, big-endian', '\xfe\xff\0i\0d', 'utf-16'],
    ['UTF-16 without a mark', 'i\0d\0,\0p\0r\0o\0', 'utf-16'],
    ['UTF-32', '\xff\xfe\0\0i\0\0\0', 'utf-32'],
    ['a page', ' \n<!DOCTYPE html><html>', 'html'],
    ['an error of a store', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', 'xml'],
    ['RTF', '{\\rtf1\\ansi', 'rtf'],
  ])('%s', (_, content, key) => {
    expect(fileKind(typeof content === 'string' ? latin1(content) : content)?.key).toBe(key);
  });

  test('texts of files: a mark is taken off, others are named', async () => {
    const folder = bytesFolder({ 'a.json': '\ufeff{}', 'b.json': 'version https://git-lfs.github.com/spec/v1\n' });
    expect(await readTextAt(folder, 'a.json')).toBe('{}');
    expect(await readTextAt(folder, 'none.json')).toBeNull();
    await expect(readTextAt(folder, 'b.json')).rejects.toThrow(/b\.json: is a Git LFS pointer.*git lfs pull/);
    expect(() => fileText(latin1('{\n"a": "caf\xe9"}'), 'x.json')).toThrow('x.json: line 2: byte 0xE9');
    expect(textBytes(bytesOf('\ufeffx'), 'x')).toEqual(bytesOf('x'));
    const long = 'é'.repeat(2 ** 20);
    expect(fileText(bytesOf(`a${long}`), 'x')).toBe(`a${long}`);
  });
});
