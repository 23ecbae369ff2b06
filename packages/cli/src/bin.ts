#!/usr/bin/env node
/** @file The `arena` executable. */
import { main } from './program.js';

/**
 * Exit code of a process that SIGPIPE ends. Node ignores the signal; `arena predict ... | head` has read all it needs.
 */
const PIPE_CLOSED = 141;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(PIPE_CLOSED);
  throw error;
});
await main(process.argv.slice(2));
