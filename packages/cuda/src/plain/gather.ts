/** @file Plain ops by index: gather, scatter, segment sums, one-hot. */
import { cudaKernel } from '@arena/runtime/cuda';
import { backend_util, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { ptx } from '../ptx.js';
import { bitsOf } from './elementwise.js';
import { gridOf, type PlainKernel, stridesOf, THREADS } from './kernel.js';

const gatherAxis = cudaKernel({
  ptx,
  name: 'gatherAxis',
  inputs: ['x', 'ids'],
  outputs: ['y'],
  params: { count: 'u32', outer: 'u32', numIds: 'u32', axis: 'u32', slice: 'u32' },
  threads: THREADS,
});
const scatterSum = cudaKernel({
  ptx,
  name: 'scatterSum',
  inputs: ['indices', 'updates'],
  outputs: ['y'],
  params: { count: 'u32', numUpdates: 'u32', slice: 'u32', rank: 'i32', strides: 'i32x6' },
  threads: THREADS,
});
const segmentSum = cudaKernel({
  ptx,
  name: 'segmentSum',
  inputs: ['x', 'ids'],
  outputs: ['y'],
  params: { count: 'u32', rows: 'u32', slice: 'u32' },
  threads: THREADS,
});
const oneHotValues = cudaKernel({
  ptx,
  name: 'oneHotValues',
  inputs: ['ids'],
  outputs: ['y'],
  params: { count: 'u32', depth: 'u32', on: 'u32', off: 'u32' },
  threads: THREADS,
});

export const gatherKernels: { [name: string]: PlainKernel } = {
  GatherV2: ({ inputs: { x, indices }, attrs, backend }) => {
    const [axis] = util.parseAxisParam(attrs.axis, x.shape);
    const info = backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, attrs.batchDims ?? 0);
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } = info;
    const count = util.sizeFromShape(outputShape);
    return backend.launcher.run(gatherAxis, {
      inputs: { x, ids: indices },
      outputs: { y: { shape: outputShape, dtype: x.dtype } },
      params: {
        count,
        outer: outerSize,
        numIds: util.sizeFromShape(indices.shape) / batchSize,
        axis: dimSize,
        slice: sliceSize,
      },
      grid: gridOf(count),
    })[0];
  },
  ScatterNd: ({ inputs: { indices, updates }, attrs, backend }) => {
    const shape = attrs.shape as number[];
    const { sliceRank, numUpdates, sliceSize } = backend_util.calculateShapes(updates, indices, shape);
    const count = util.sizeFromShape(shape);
    return backend.launcher.run(scatterSum, {
      inputs: { indices, updates },
      outputs: { y: shape },
      params: { count, numUpdates, slice: sliceSize, rank: sliceRank, strides: stridesOf(shape.slice(0, sliceRank)) },
      grid: gridOf(count),
    })[0];
  },
  UnsortedSegmentSum: ({ inputs: { x, segmentIds }, attrs, backend }) => {
    const shape = [attrs.numSegments, ...x.shape.slice(segmentIds.shape.length)];
    const rows = util.sizeFromShape(segmentIds.shape);
    const count = util.sizeFromShape(shape);
    return backend.launcher.run(segmentSum, {
      inputs: { x, ids: segmentIds },
      outputs: { y: shape },
      params: { count, rows, slice: rows ? util.sizeFromShape(x.shape) / rows : 1 },
      grid: gridOf(count),
    })[0];
  },
  OneHot: ({ inputs: { indices }, attrs, backend }) => {
    const { depth, onValue, offValue, dtype } = attrs;
    const shape = [...(indices as TensorInfo).shape, depth];
    const count = util.sizeFromShape(shape);
    return backend.launcher.run(oneHotValues, {
      inputs: { ids: indices },
      outputs: { y: { shape, dtype } },
      params: { count, depth, on: bitsOf(onValue, dtype), off: bitsOf(offValue, dtype) },
      grid: gridOf(count),
    })[0];
  },
};
