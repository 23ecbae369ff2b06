/** @file MT19937 as torch's CPU generator uses it (Matsumoto and Nishimura 1998; seeded by init_genrand). */

const N = 624;
const M = 397;

/** The generator behind `torch.manual_seed(seed)` on the CPU: one 32-bit word at a time. */
export class Mt19937 {
  private state = new Uint32Array(N);
  private index = N;

  /** @param seed Only its low 32 bits count, as in torch. */
  constructor(seed: number) {
    const state = this.state;
    state[0] = Number(BigInt.asUintN(32, BigInt(Math.trunc(seed))));
    for (let i = 1; i < N; i++) {
      const previous = state[i - 1] ^ (state[i - 1] >>> 30);
      state[i] = Math.imul(1812433253, previous) + i;
    }
  }

  /** The next word, an integer in [0, 2^32). */
  next(): number {
    if (this.index === N) this.refill();
    let y = this.state[this.index++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private refill() {
    const state = this.state;
    for (let i = 0; i < N; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff);
      state[i] = state[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.index = 0;
  }
}
