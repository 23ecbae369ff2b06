#!/usr/bin/env node
/** @file The `arena` executable. */
import { main } from './program.js';

await main(process.argv.slice(2));
