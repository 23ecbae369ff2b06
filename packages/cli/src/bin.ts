#!/usr/bin/env node
/** @file The `arena` executable. */
import { main } from './program.js';

/** Of a process that SIGPIPE ends, which Node does not let happen: `arena predict ... | head` has read what it wants. */
const PIPE_CLOSED = 141;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(PIPE_CLOSED);
  throw error;
});
await main(process.argv.slice(2));
