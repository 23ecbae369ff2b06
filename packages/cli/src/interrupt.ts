/** @file Ctrl-C as an AbortSignal: the first asks the work to stop cleanly, the second ends the process. */

/** What an interrupted command rejects with. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** A signal that aborts on SIGINT or SIGTERM. */
export function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      process.once(name, () => process.exit(130));
      process.stderr.write('\nstopping (again to quit at once)\n');
      controller.abort(new Interrupted(`interrupted by ${name}`));
    });
  }
  return controller.signal;
}
