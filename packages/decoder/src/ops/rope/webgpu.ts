/**
 * @file Rope on engine `webgpu`. WGSL promises sin and cos to 2^-11 in [-pi, pi] and nothing beyond, so angles are brought
 * to [-pi/4, pi/4] by multiples of pi/2 in three parts (Cody and Waite 1980) and taken by their Taylor series there.
 */
import type { OpKernel } from '@arena/runtime/op';
import { gpuKernel, gpuLauncher, gpuVariants, spread } from '@arena/runtime/webgpu';
import type { RopeAttrs } from './attrs.js';
import { inverseFrequencies } from './reference.js';

/** Pairs of values of a workgroup: one for each invocation. */
const PAIRS = 256;

// HALF_PI_1 has 8 bits, HALF_PI_2 has 11: their products with the multiple are exact up to 8,192
const SIN_COS = `
  const HALF_PI_1 = 1.5703125;
  const HALF_PI_2 = 4.837512969970703125e-4;
  const HALF_PI_3 = 7.549789954891882e-8;
  fn sinCos(angle: f32) -> vec2f {
    let multiple = round(angle * 0.6366197723675814);
    let x = ((angle - multiple * HALF_PI_1) - multiple * HALF_PI_2) - multiple * HALF_PI_3;
    let z = x * x;
    let s = x + x * z * (-1.0 / 6.0 + z * (1.0 / 120.0 + z * (-1.0 / 5040.0 + z / 362880.0)));
    let c = 1.0 + z * (-0.5 + z * (1.0 / 24.0 + z * (-1.0 / 720.0 + z / 40320.0)));
    switch (i32(multiple) & 3) {
      case 0: { return vec2f(s, c); }
      case 1: { return vec2f(c, -s); }
      case 2: { return vec2f(-s, -c); }
      default: { return vec2f(-c, s); }
    }
  }`;

const kernel = gpuVariants((attrs: Omit<RopeAttrs, 'inverse'>) =>
  gpuKernel({
    name: `Rope ${JSON.stringify(attrs)}`,
    inputs: { x: 'f32', positions: 'i32' },
    outputs: { y: 'f32' },
    params: { pairs: 'u32', width: 'u32', headDim: 'u32', sign: 'f32' },
    constants: inverseFrequencies({ ...attrs, inverse: false }),
    workgroupSize: PAIRS,
    declarations: SIN_COS,
    main: `
      let i = workgroup * ${PAIRS}u + lane;
      if (i >= params.pairs) { return; }
      let half = params.headDim / 2u;
      let row = i / (params.width / 2u);
      let pair = i % half;
      let at = (i / half) * params.headDim + pair; // heads lie one after another, over all rows
      let turn = sinCos(f32(positions[row]) * constantAt(pair));
      let s = turn.x * params.sign;
      let x1 = x[at];
      let x2 = x[at + half];
      y[at] = x1 * turn.y - x2 * s;
      y[at + half] = x2 * turn.y + x1 * s;`,
  }),
);

export const ropeWebgpu: OpKernel<RopeAttrs> = ({ inputs, attrs, backend }) => {
  const { headDim, theta, factor, frequencyDtype, inverse } = attrs;
  const [tokens, width] = inputs.x.shape;
  const pairs = (tokens * width) / 2;
  return gpuLauncher(backend).run(kernel({ headDim, theta, factor, frequencyDtype }), {
    inputs,
    outputs: { y: [tokens, width] },
    params: { pairs, width, headDim, sign: inverse ? -1 : 1 },
    groups: spread(Math.ceil(pairs / PAIRS)),
  });
};
