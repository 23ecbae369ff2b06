import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.package.ts';

/** The tests that need no browser; those in test/browser and test/webgpu are projects of the root's configuration, see chromium.ts. */
export default mergeConfig(shared, { test: { exclude: ['test/browser/**', 'test/webgpu/**'] } });
