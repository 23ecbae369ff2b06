/** @file Half precision to float32, by a table. */

let table: Float32Array | undefined;

/** The value of each of the 65,536 float16 codes. */
export function halfTable(): Float32Array {
  if (table) return table;
  const bits = new Uint32Array(65536);
  const values = new Float32Array(bits.buffer);
  for (let code = 0; code < 65536; code++) {
    const sign = (code & 0x8000) << 16;
    const exponent = (code >> 10) & 31;
    const fraction = code & 1023;
    if (exponent === 0) values[code] = (sign ? -1 : 1) * fraction * 2 ** -24;
    else bits[code] = sign | ((exponent === 31 ? 255 : exponent + 112) << 23) | (fraction << 13);
  }
  table = values;
  return values;
}
