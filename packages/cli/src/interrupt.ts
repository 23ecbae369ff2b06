/**
 * @file Ctrl-C, and a terminal that closes, as an AbortSignal: the first stops the work cleanly, the second ends the
 * process.
 */
import { isatty } from 'node:tty';

/** The error of an interrupted command. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

let controller: AbortController | undefined;
/** Whether a person may see what the command prints. Asked at the start: a terminal that closed is none any more. */
let onTerminal = false;

function stop(name: NodeJS.Signals): void {
  // A command whose output goes elsewhere was meant to outlive its terminal. `nohup` has the signal ignored, which
  // Node undoes.
  if (name === 'SIGHUP' && !onTerminal) return;
  if (controller?.signal.aborted) {
    if (name === 'SIGHUP') return; // a terminal and its shell both send it
    process.exit(130);
  }
  process.stderr.write('\nstopping (again to quit at once)\n');
  controller?.abort(new Interrupted(`interrupted by ${name}`));
}

/** A signal that aborts on SIGINT, SIGTERM or SIGHUP; the same for all callers until {@link ignoreInterrupts}. */
export function onInterrupt(): AbortSignal {
  if (!controller) {
    controller = new AbortController();
    onTerminal = isatty(1) || isatty(2);
    for (const name of SIGNALS) process.on(name, stop);
  }
  return controller.signal;
}

/** Gives the signals back to the process at the end of a command. */
export function ignoreInterrupts(): void {
  controller = undefined;
  for (const name of SIGNALS) process.off(name, stop);
}
