import { packagePtx } from './ptx.js';

/** The text of this package's CUDA kernels. */
export const ptx = packagePtx('@arena/runtime', import.meta.url);
