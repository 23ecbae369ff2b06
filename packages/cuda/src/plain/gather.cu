// Reading and writing by index. Sums go over the updates in their order, so that the same input gives the same bits.
#include "device.cuh"

// y [batch, outer, ids, slice] = x [batch, outer, axis, slice] at ids [batch, ids]; beyond the axis: 0, as on GPUs of tfjs
KERNEL(gatherAxis, 256, const u32 *x, const int *ids, u32 *y, u32 count, u32 outer, u32 numIds, u32 axis, u32 slice) {
  u32 i = globalIndex();
  if (i >= count) return;
  u32 inSlice = i % slice;
  u32 idAt = i / slice % numIds;
  u32 row = i / slice / numIds;  // batch and outer
  u32 id = ids[row / outer * numIds + idAt];
  y[i] = id < axis ? x[((size_t)row * axis + id) * slice + inSlice] : 0;
}

// y [size, slice] = the sum of the updates [updates, slice] whose index [updates, rank] names the row
KERNEL(scatterSum, 256, const int *indices, const float *updates, float *y, u32 count, u32 numUpdates, u32 slice, int rank, Six strides) {
  u32 i = globalIndex();
  if (i >= count) return;
  u32 row = i / slice;
  float sum = 0;
  for (u32 u = 0; u < numUpdates; u++) {
    u32 at = 0;
    for (int axis = 0; axis < rank; axis++) at += (u32)indices[u * rank + axis] * (u32)strides.v[axis];
    if (at == row) sum += updates[(size_t)u * slice + i % slice];
  }
  y[i] = sum;
}

// y [segments, slice] = the sum of the rows of x [rows, slice] whose id [rows] is the segment
KERNEL(segmentSum, 256, const float *x, const int *ids, float *y, u32 count, u32 rows, u32 slice) {
  u32 i = globalIndex();
  if (i >= count) return;
  int segment = i / slice;
  float sum = 0;
  for (u32 r = 0; r < rows; r++) {
    if (ids[r] == segment) sum += x[(size_t)r * slice + i % slice];
  }
  y[i] = sum;
}

KERNEL(oneHotValues, 256, const int *ids, u32 *y, u32 count, u32 depth, u32 on, u32 off) {
  u32 i = globalIndex();
  if (i < count) y[i] = (u32)ids[i / depth] == i % depth ? on : off;
}
