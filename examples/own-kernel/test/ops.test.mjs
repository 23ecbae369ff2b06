/** Every op that the package declares, on every engine that opens here, against its reference on engine `cpu`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEngine } from '@arena/runtime';
import { checkOps, declaredOps } from '@arena/runtime/op';
import 'arena-own-kernel';

const ops = declaredOps('arena-own-kernel');

test('the package declares its op', () => {
  assert.deepEqual(
    ops.map(({ name }) => name),
    ['Swiglu'],
  );
});

for (const [engine, path] of [
  ['cpu', 'reference'],
  ['wasm', 'kernel'],
  ['webgpu', 'kernel'],
]) {
  test(`its ops agree with their references on engine ${engine}`, async (context) => {
    if (engine === 'webgpu') {
      const why = await openEngine(engine).then(
        () => undefined,
        (error) => error.message,
      );
      if (why) return context.skip(why);
    }
    const results = await checkOps(ops, engine, engine === 'wasm' ? { threads: 2 } : {});
    assert.equal(results.length, 5);
    for (const result of results) {
      assert.ok(result.passed && result.path === path && result.largest > 0, JSON.stringify(result));
    }
  });
}

test('the bits on engine wasm do not depend on the threads', async () => {
  const { swiglu } = await import('arena-own-kernel');
  const { tensor2d } = await import('@tensorflow/tfjs-core');
  const values = Float32Array.from({ length: 30_000 }, (_, i) => Math.cos(i));
  const bits = async (threads) => {
    const engine = await openEngine('wasm', { threads });
    const x = tensor2d(values, [300, 100]);
    const result = await swiglu(x, x).data();
    engine.dispose();
    return result;
  };
  assert.deepEqual(await bits(3), await bits(1));
});
