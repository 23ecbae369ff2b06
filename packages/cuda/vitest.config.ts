import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.package.ts';

/** The first hook compiles the emulation, which takes a minute on a busy machine. */
export default mergeConfig(shared, { test: { hookTimeout: 300_000 } });
