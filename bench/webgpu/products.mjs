/** @file Our 4-bit product on engine `webgpu` beside tfjs-backend-webgpu's own float32 matMul of the same transposition, in turn. */
import { linear4bitBackward, linear4bitForward } from '@arena/quant/ops';
import { backend, dispose, matMul } from '@tensorflow/tfjs-core';

/**
 * Seconds a product, of each round.
 * @param {{ x, dy, dense, packed }} operands x [m, k], dy [m, n], the weight [n, k] in float32 and in 4 bits
 * @param {{ rounds: number, calls?: number }} options products of a round, which are timed together
 * @returns {Promise<{ [name: string]: number[] }>}
 */
export async function timeProducts({ x, dy, dense, packed }, { rounds, calls = 1 }) {
  const gpu = backend();
  const finished = () => gpu.device.queue.onSubmittedWorkDone();
  const ways = {
    'tfjs f32, x W^T': () => matMul(x, dense, false, true),
    'ours NF4, x W^T': () => linear4bitForward(x, packed),
    'tfjs f32, dy W': () => matMul(dy, dense),
    'ours NF4, dy W': () => linear4bitBackward(dy, packed),
  };
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      await finished();
      const start = performance.now();
      for (let i = 0; i < calls; i++) dispose(way());
      gpu.launcher.flush();
      await finished();
      if (round > 0) times[name].push((performance.now() - start) / 1000 / calls); // the first compiles
    }
  }
  return times;
}
