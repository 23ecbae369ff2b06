import { openEngine } from '@arena/runtime';
import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { findBackend, getBackend, registerBackend, removeBackend, setBackend } from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, test } from 'vitest';
import { openTensorflow } from '../src/tensorflow.js';

const notFound = async () => {
  throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
};

afterEach(async () => {
  await setBackend('cpu');
  if (findBackend('tensorflow')) removeBackend('tensorflow');
});

describe('engine tensorflow', () => {
  test('takes the backend that the package registers', async () => {
    const asked: string[] = [];
    const name = await openTensorflow(async (wanted) => {
      asked.push(wanted);
      if (wanted.endsWith('gpu')) return notFound();
      return registerBackend('tensorflow', () => new MathBackendCPU());
    });
    expect(asked).toEqual(['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']);
    expect(name).toBe('@tensorflow/tfjs-node');
    expect(getBackend()).toBe('tensorflow');
  });

  test('says what each package said', async () => {
    const load = async (name: string) => {
      if (name.endsWith('gpu')) throw new Error('libcudart.so.11.0: cannot open shared object file\nat dlopen');
      return notFound();
    };
    await expect(openTensorflow(load)).rejects.toThrow(
      "engine 'tensorflow' cannot be opened: @tensorflow/tfjs-node-gpu does not load (libcudart.so.11.0: cannot open shared object file); @tensorflow/tfjs-node is not installed",
    );
  });

  test('tells of a second copy of tfjs-core', async () => {
    await expect(openTensorflow(async () => {})).rejects.toThrow('another copy of @tensorflow/tfjs-core');
  });

  test('is not installed here, and says so', async () => {
    await expect(openEngine('tensorflow')).rejects.toThrow('@tensorflow/tfjs-node is not installed');
  });
});
