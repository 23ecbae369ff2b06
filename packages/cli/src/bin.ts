#!/usr/bin/env node
/** @file The `arena` executable. */
import { watchOutput } from './closed-output.js';
import { commandIn } from './commands.js';
import { main } from './program.js';

const argv = process.argv.slice(2);
const command = commandIn(argv);
watchOutput(!command || command.prints === true);
await main(argv);
