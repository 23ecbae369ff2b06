import { type Dtype, fromFloat32, toFloat32 } from '@arena/safetensors/tensor';
import { expect, test } from 'vitest';

/** Value of a 16-bit code by the definition of the format, in float64. */
function decode(code: number, exponentBits: number): number {
  const fractionBits = 15 - exponentBits;
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code & 0x7fff) >> fractionBits;
  const fraction = (code % 2 ** fractionBits) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? (1 + fraction) * 2 ** (exponent - bias) : fraction * 2 ** (1 - bias));
}
const codes = Uint16Array.from({ length: 65536 }, (_, code) => code);
const bytes16 = new Uint8Array(codes.buffer);
const as16 = (bytes: Uint8Array) => new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);

test.each([
  ['F16', 5],
  ['BF16', 8],
] as const)('all 65,536 %s values, both ways, and the rounding between each pair', (dtype, exponentBits) => {
  const values = toFloat32({ dtype, data: bytes16 });
  const back = as16(fromFloat32(values, dtype));
  const up: number[] = [];
  const want: number[] = [];
  const infinity = (2 ** exponentBits - 1) << (15 - exponentBits);
  for (const code of codes) {
    const exact = decode(code, exponentBits);
    if (!Object.is(values[code], exact)) expect.fail(`code ${code}: ${values[code]} instead of ${exact}`);
    if (Number.isNaN(exact) ? !Number.isNaN(decode(back[code], exponentBits)) : back[code] !== code) {
      expect.fail(`code ${code} came back as ${back[code]}`);
    }
    const sign = code & 0x8000;
    if ((code & 0x7fff) >= infinity) continue;
    // Half way to the next code (beyond the largest: to what would be next) and its float32 neighbours.
    const next =
      (code & 0x7fff) + 1 === infinity ? 2 * exact - decode(code - 1, exponentBits) : decode(code + 1, exponentBits);
    const middle = (exact + next) / 2;
    if (Math.fround(middle) !== middle) continue; // needs more digits than float32 has (smallest BF16)
    const bits = new Uint32Array(new Float32Array([middle]).buffer)[0];
    const neighbours = new Float32Array(Uint32Array.from([bits - 1, bits, bits + 1]).buffer);
    up.push(...neighbours);
    const even = (code & 1) === 0 ? code : code + 1;
    want.push(code, even, code + 1);
    if (sign && !(want[want.length - 1] & 0x8000)) expect.fail('sign lost');
  }
  expect(up.length).toBeGreaterThan(190_000);
  const got = as16(fromFloat32(Float32Array.from(up), dtype));
  expect(Buffer.compare(new Uint8Array(got.buffer), new Uint8Array(Uint16Array.from(want).buffer))).toBe(0);
});

test('other types', () => {
  const f32 = (dtype: Dtype, array: ArrayBufferView) =>
    Array.from(toFloat32({ dtype, data: new Uint8Array(array.buffer as ArrayBuffer) }));
  expect(f32('F64', Float64Array.of(0.1, 1e300))).toEqual([Math.fround(0.1), Number.POSITIVE_INFINITY]);
  expect(f32('I64', BigInt64Array.of(-5n, 2n ** 40n))).toEqual([-5, 2 ** 40]);
  expect(f32('U64', BigUint64Array.of(2n ** 63n))).toEqual([2 ** 63]);
  expect(f32('I32', Int32Array.of(-7))).toEqual([-7]);
  expect(f32('U32', Uint32Array.of(2 ** 31))).toEqual([2 ** 31]);
  expect(f32('I16', Int16Array.of(-7))).toEqual([-7]);
  expect(f32('U16', Uint16Array.of(65535))).toEqual([65535]);
  expect(f32('I8', Int8Array.of(-7))).toEqual([-7]);
  expect(f32('U8', Uint8Array.of(200))).toEqual([200]);
  expect(f32('BOOL', Uint8Array.of(0, 1))).toEqual([0, 1]);
  // OCP 8-bit formats: largest, smallest, one, specials.
  expect(f32('F8_E4M3', Uint8Array.of(0x7e, 0x01, 0x38, 0xb8, 0x7f))).toEqual([448, 2 ** -9, 1, -1, Number.NaN]);
  expect(f32('F8_E5M2', Uint8Array.of(0x7b, 0x01, 0x3c, 0x7c, 0xfc, 0x7d))).toEqual([
    57344,
    2 ** -16,
    1,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ]);
  expect(() => fromFloat32(Float32Array.of(1), 'I8')).toThrow(/cannot be written as I8/);
  expect(new Float64Array(fromFloat32(Float32Array.of(0.5), 'F64').buffer)[0]).toBe(0.5);
});

test('F32 is a view where aligned, and right where not', () => {
  const memory = new Uint8Array(12);
  new DataView(memory.buffer).setFloat32(5, 2.5, true);
  expect(toFloat32({ dtype: 'F32', data: memory.subarray(5, 9) })[0]).toBe(2.5);
  expect(toFloat32({ dtype: 'F32', data: memory.subarray(4, 12) }).buffer).toBe(memory.buffer);
});
