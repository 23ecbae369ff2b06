/** @file What the host pays for a launch on engine `webgpu`: the launcher and tfjs beside a bare list of dispatches in one pass. Node and browsers. */
import { gpuKernel } from '@arena/runtime/webgpu';
import { add, backend, tensor1d } from '@tensorflow/tfjs-core';

const COUNT = 960;

/**
 * Microseconds a launch by way, of each round. The device has next to nothing to do: it is recording that is timed.
 * @param {number} rounds after a quarter as many that warm the compiler up
 * @returns {Promise<{ [way: string]: number[] }>}
 */
export async function launchCost(rounds) {
  const gpu = backend();
  const { launcher } = gpu;
  const kernel = gpuKernel({
    name: 'bench',
    inputs: { x: 'f32' },
    outputs: { y: 'f32' },
    params: { factor: 'f32' },
    workgroupSize: 4,
    main: 'y[lane] = x[lane] * params.factor;',
  });
  const x = tensor1d(Array.from({ length: 1024 }, (_, i) => i));
  const launch = (outputs) => launcher.run(kernel, { inputs: { x }, outputs, params: { factor: 2 }, groups: [1] })[0];
  const fixed = launch({ y: [1024] });
  const ways = {
    'bare list, one pass': bareList(gpu.device, kernel.code),
    'launcher, fixed output': () => launch({ y: fixed }),
    'launcher, fresh output': () => gpu.disposeData(launch({ y: [1024] }).dataId),
    'tfjs add': () => add(x, x).dispose(),
  };
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < 1.25 * rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      await gpu.device.queue.onSubmittedWorkDone();
      const start = performance.now();
      if (name.startsWith('bare')) way();
      else {
        for (let i = 0; i < COUNT; i++) way();
        launcher.flush();
      }
      const micros = ((performance.now() - start) * 1000) / COUNT;
      if (round >= 0.25 * rounds) times[name].push(micros);
    }
  }
  x.dispose();
  gpu.disposeData(fixed.dataId);
  return times;
}

/** The same dispatch over and over with nothing around it: what a recorded plan would cost. */
function bareList(device, code) {
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code }) },
  });
  const buffer = (usage) => device.createBuffer({ size: 4096, usage });
  const buffers = [buffer(0x80), buffer(0x80), buffer(0x40)]; // STORAGE, STORAGE, UNIFORM
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((one, binding) => ({ binding, resource: { buffer: one } })),
  });
  return () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < COUNT; i++) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(1);
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
}
