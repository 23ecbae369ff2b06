#!/usr/bin/env node
/** @file The `arena` executable. */
import { main } from './program.js';

// `arena predict ... | head` has what it wants: no failure
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
await main(process.argv.slice(2));
