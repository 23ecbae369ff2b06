/** @file SHA-256 of a stream (FIPS 180-4). Web Crypto hashes only whole buffers, and these files have gigabytes. */

/** An incremental hash. */
export interface StreamHash {
  update(bytes: Uint8Array): void;
  /** The digest in hexadecimal; nothing may follow. */
  hex(): string;
}

/** Node's own hash where present, otherwise {@link portableSha256}. */
export function sha256(): StreamHash {
  const crypto = globalThis.process?.getBuiltinModule?.('node:crypto');
  if (!crypto) return portableSha256();
  const hash = crypto.createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
}

/** First 32 bits of the fractional part of the `root`-th root of the first `count` primes. */
function primeRoots(count: number, root: number): Int32Array {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime)) primes.push(n);
  return Int32Array.from(primes, (prime) => {
    const value = root === 2 ? Math.sqrt(prime) : Math.cbrt(prime);
    return Math.floor((value - Math.floor(value)) * 2 ** 32) | 0;
  });
}

const ROUND = primeRoots(64, 3);

/** SHA-256 in plain JavaScript, for browsers. */
export function portableSha256(): StreamHash {
  const state = primeRoots(8, 2);
  const words = new Int32Array(64);
  const block = new Uint8Array(64);
  const view = new DataView(block.buffer);
  let filled = 0;
  let total = 0;

  function compress() {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(4 * i);
    for (let i = 16; i < 64; i++) {
      const x = words[i - 15];
      const y = words[i - 2];
      const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
      const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
      words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0;
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) state[i] += value;
  }

  function update(bytes: Uint8Array) {
    total += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      const taken = Math.min(64 - filled, bytes.length - at);
      block.set(bytes.subarray(at, at + taken), filled);
      at += taken;
      filled = (filled + taken) % 64;
      if (filled === 0) compress();
    }
  }

  return {
    update,
    hex() {
      const bits = BigInt(total) * 8n;
      update(Uint8Array.of(0x80));
      while (filled !== 56) update(Uint8Array.of(0));
      view.setBigUint64(56, bits);
      compress();
      return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
    },
  };
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}
