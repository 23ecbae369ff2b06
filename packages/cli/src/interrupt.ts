/** @file Ctrl-C as an AbortSignal: the first stops the work cleanly, the second ends the process. */

/** The error of an interrupted command. */
class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

let controller: AbortController | undefined;

function stop(name: NodeJS.Signals): void {
  if (controller?.signal.aborted) process.exit(130);
  process.stderr.write('\nstopping (again to quit at once)\n');
  controller?.abort(new Interrupted(`interrupted by ${name}`));
}

/** A signal that aborts on SIGINT or SIGTERM; the same for all callers until {@link ignoreInterrupts}. */
export function onInterrupt(): AbortSignal {
  if (!controller) {
    controller = new AbortController();
    for (const name of SIGNALS) process.on(name, stop);
  }
  return controller.signal;
}

/** Gives the signals back to the process at the end of a command. */
export function ignoreInterrupts(): void {
  controller = undefined;
  for (const name of SIGNALS) process.off(name, stop);
}
