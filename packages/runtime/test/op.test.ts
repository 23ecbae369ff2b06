import { add, scalar, type Tensor } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { openEngine } from '../src/index.js';
import { declaredOps, defineOp, runOp } from '../src/op/index.js';

type Inputs = { x: Tensor; bias?: Tensor };

function declare(name: string, packageName: string) {
  return defineOp<Record<string, never>, Inputs, [y: Tensor]>({
    name,
    package: packageName,
    reference: (inputs) => [add(inputs.x, 'bias' in inputs ? inputs.bias! : scalar(1))],
    kernels: {},
    samples: () => [],
  });
}

describe('declaredOps', () => {
  it('gives what was declared, by package', () => {
    const [a, b] = [declare('First', 'one'), declare('Second', 'two')];
    expect(declaredOps('one')).toEqual([a]);
    expect(declaredOps()).toEqual([a, b]);
    expect(declaredOps('none')).toEqual([]);
  });

  it('refuses the name of another package, and takes a second declaration by the same one', () => {
    declare('Third', 'one');
    expect(() => declare('Third', 'two')).toThrow("the op 'Third' of two has the name of one of one");
    const again = declare('Third', 'one');
    expect(declaredOps('one').filter(({ name }) => name === 'Third')).toEqual([again]);
  });
});

it('an input that is undefined is not shown to a reference', async () => {
  await openEngine('cpu');
  const op = declare('Fourth', 'one');
  const x = scalar(3);
  expect(runOp(op, { x, bias: undefined }, {})[0].dataSync()[0]).toBe(4);
  expect(runOp(op, { x, bias: scalar(5) }, {})[0].dataSync()[0]).toBe(8);
});
