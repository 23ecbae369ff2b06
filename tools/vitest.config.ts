import { mergeConfig } from 'vitest/config';
import shared from '../vitest.package.js';

export default mergeConfig(shared, { test: { name: 'tools' } });
