// Float32 values to bfloat16 and back, where they wait in half the memory; a thread takes eight values.
#include "bf16.cuh"

KERNEL(roundToStore, 256, const float *x, u32 *y, u32 count) {
  const u32 at = globalIndex() * 8;
  if (at >= count) return;
  const float4 a = *(const float4 *)(x + at), b = *(const float4 *)(x + at + 4);
  uint4 words;
  words.x = bf16Pair(a.x, a.y), words.y = bf16Pair(a.z, a.w);
  words.z = bf16Pair(b.x, b.y), words.w = bf16Pair(b.z, b.w);
  *(uint4 *)(y + at / 2) = words;
}

KERNEL(widenFromStore, 256, const u32 *x, float *y, u32 count) {
  const u32 at = globalIndex() * 8;
  if (at >= count) return;
  const uint4 words = *(const uint4 *)(x + at / 2);
  *(float4 *)(y + at) = make_float4(lowBf16(words.x), highBf16(words.x), lowBf16(words.y), highBf16(words.y));
  *(float4 *)(y + at + 4) = make_float4(lowBf16(words.z), highBf16(words.z), lowBf16(words.w), highBf16(words.w));
}
