/** @file Draws from torch's CPU generator: uniform_, normal_ and randperm (ATen/native/cpu/DistributionTemplates.h). */
import type { Mt19937 } from './mt19937.js';

/** A float32 in [0, 1) from 24 bits of one word. */
function uniform24(generator: Mt19937): number {
  return (generator.next() & 0xffffff) * 2 ** -24;
}

/** A double in [0, 1) from 53 bits of two words, the first being the high one. */
function uniform53(generator: Mt19937): number {
  const high = generator.next();
  const low = generator.next();
  return ((high & 0x1fffff) * 2 ** 32 + low) * 2 ** -53;
}

/** `torch.empty(count).uniform_(low, high)`: equal bits. One word a value. */
export function uniform(generator: Mt19937, count: number, low = 0, high = 1): Float32Array {
  const from = Math.fround(low);
  const range = Math.fround(Math.fround(high) - from);
  // torch fuses u * range + from; the double product of two float32 is exact.
  return Float32Array.from({ length: count }, () => uniform24(generator) * range + from);
}

/**
 * `torch.empty(count).normal_(mean, std)`: the same draws and formulas; cos, sin and log may differ in the last bit.
 * From 16 values on, torch fills in groups of 16 (8 radii, 8 angles) and draws the last 16 again when count is not a
 * multiple of 16. Below 16 it draws doubles in pairs.
 */
export function normal(generator: Mt19937, count: number, mean = 0, std = 1): Float32Array {
  const out = new Float32Array(count);
  if (count < 16) {
    let spare: number | undefined;
    for (let i = 0; i < count; i++) {
      if (spare !== undefined) {
        out[i] = spare * std + mean;
        spare = undefined;
        continue;
      }
      const angle = 2 * Math.PI * uniform53(generator);
      const radius = Math.sqrt(-2 * Math.log1p(-uniform53(generator)));
      spare = radius * Math.sin(angle);
      out[i] = radius * Math.cos(angle) * std + mean;
    }
    return out;
  }
  for (let i = 0; i < count; i++) out[i] = uniform24(generator);
  const boxMuller = (start: number) => {
    for (let j = start; j < start + 8; j++) {
      const radius = Math.fround(Math.sqrt(Math.fround(-2 * Math.fround(Math.log(Math.fround(1 - out[j]))))));
      const angle = Math.fround(Math.fround(2 * Math.PI) * out[j + 8]);
      out[j] = Math.fround(Math.fround(radius * Math.fround(Math.cos(angle))) * std) + mean;
      out[j + 8] = Math.fround(Math.fround(radius * Math.fround(Math.sin(angle))) * std) + mean;
    }
  };
  for (let i = 0; i + 16 <= count; i += 16) boxMuller(i);
  if (count % 16) {
    for (let i = count - 16; i < count; i++) out[i] = uniform24(generator);
    boxMuller(count - 16);
  }
  return out;
}

/** `torch.randperm(count)` on the given generator: equal for every count below 2^32. */
export function randperm(generator: Mt19937, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i < count - 1; i++) {
    const other = i + (generator.next() % (count - i));
    const kept = order[i];
    order[i] = order[other];
    order[other] = kept;
  }
  return order;
}
