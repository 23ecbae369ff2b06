import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CHROMIUM } from '../chromium.js';

// Without Chromium the browser tests are left out: a skipped test here, a failed one where nobody would notice.
it.skipIf(!existsSync(CHROMIUM) && process.env.CI !== 'true')(
  `has a Chromium for the browser tests at ${CHROMIUM}`,
  () => {
    expect(existsSync(CHROMIUM)).toBe(true);
  },
);
