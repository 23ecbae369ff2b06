#!/usr/bin/env node
/** @file The command behind `npm create @arena/judge-page`. */
import { createJudgePage } from './create.js';

const USAGE = `npm create @arena/judge-page [folder]

Copies the page "You against the judge" into a folder (default: judge-page): vote on battles, train a judge in the tab, take it away.
The folder has to be new or empty.`;

const [folder = 'judge-page', ...more] = process.argv.slice(2).filter((word) => word !== '--');
if (folder === '--help' || folder === '-h') console.log(USAGE);
else if (folder.startsWith('-') || more.length)
  fail(`${[folder, ...more].join(' ')}: one folder is expected\n\n${USAGE}`);
else {
  try {
    createJudgePage(folder);
    console.log(`The page is in ${folder}. Next:\n\n  cd ${quoted(folder)} && npm install\n  npm run dev`);
  } catch (error) {
    fail((error as Error).message);
  }
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}

/** For a shell. */
function quoted(text: string): string {
  return /^[\w./~-]+$/.test(text) ? text : `"${text}"`;
}
