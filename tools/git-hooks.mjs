/** @file Points git to .githooks after an install in a clone. Outside a clone, as in an archive of the sources, nothing happens. */
import { execFileSync } from 'node:child_process';

try {
  execFileSync('git', ['config', 'core.hooksPath', '.githooks'], { stdio: 'ignore' });
} catch {}
