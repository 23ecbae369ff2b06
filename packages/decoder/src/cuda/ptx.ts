import { packagePtx } from '@arena/runtime';

/** The text of this package's CUDA kernels. */
export const ptx = packagePtx('@arena/decoder', import.meta.url);
