// What the tests of failures run in a process of its own, from the built package: `node child.mjs <what>`.
import { inspectCuda } from '@arena/cuda';
import { closeCuda, openCuda } from '@arena/cuda/device';
import { add, memory, neg, tensor1d } from '@tensorflow/tfjs-core';

const what = process.argv[2];
try {
  if (what === 'inspect') {
    console.log(JSON.stringify(await inspectCuda()));
  } else {
    const { backend, device } = await openCuda(what === 'device 1' ? { device: 1 } : {});
    console.log(`opened ${device.name}`);
    if (what === 'fail') {
      const x = neg(tensor1d([1, 2]));
      await x.data();
    }
    if (what === 'compute') {
      const sum = add(tensor1d([1, 2]), 3);
      console.log(`computed ${await sum.data()}`);
    }
    if (what === 'close') {
      await closeCuda(backend);
      await closeCuda(backend);
    }
    if (what === 'exit') process.exit(3);
    if (what === 'throw')
      queueMicrotask(() => {
        throw new Error('thrown');
      });
    if (what === 'steps') {
      // until it is interrupted, as a training loop would
      process.once('SIGINT', () => process.exit(130));
      let x = tensor1d(new Float32Array(5000));
      for (let step = 0; ; step++) {
        const next = add(x, 1);
        x.dispose();
        x = next;
        await x.data();
        if (step === 2) console.log(`stepping with ${memory().numTensors} tensor`);
      }
    }
  }
} catch (error) {
  console.log(`${error.name} ${error.code}: ${error.message}`);
}
