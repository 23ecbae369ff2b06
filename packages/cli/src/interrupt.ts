/** @file Ctrl-C as an AbortSignal: the first asks the work to stop cleanly, the second ends the process. */

/** What an interrupted command rejects with. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

let controller: AbortController | undefined;

/** A signal that aborts on SIGINT or SIGTERM; the same for all callers of the process. */
export function onInterrupt(): AbortSignal {
  if (controller) return controller.signal;
  const own = new AbortController();
  controller = own;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      process.once(name, () => process.exit(130));
      process.stderr.write('\nstopping (again to quit at once)\n');
      own.abort(new Interrupted(`interrupted by ${name}`));
    });
  }
  return own.signal;
}
