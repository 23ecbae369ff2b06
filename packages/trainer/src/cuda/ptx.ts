import { packagePtx } from '@arena/runtime/cuda';

/** The text of this package's CUDA kernels. */
export const ptx = packagePtx('@arena/trainer', import.meta.url);
