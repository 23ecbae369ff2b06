// The dropout mask of dropout.ts in CUDA, bit for bit.
#pragma once

// Which values are dropped: threshold is floor(p 2^32), factor 1 / (1 - p). A threshold of 0 keeps all as they are.
struct Dropout {
  unsigned seed, stream, threshold;
  float factor;
  __device__ float at(unsigned index) const {
    unsigned h = index * 0x9e3779b1u + seed;
    h ^= stream * 0x85ebca77u;
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    h ^= h >> 16;
    return h >= threshold ? factor : 0.0f;
  }
};
