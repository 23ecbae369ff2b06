/** @file Output that nobody reads any more: a closed pipe, a terminal that is gone, a full disk. */

/** Exit code of a process that SIGPIPE ends. Node ignores the signal. */
const PIPE_CLOSED = 141;

/** The reader has gone: its end of the pipe is closed, or the terminal hung up. */
const GONE = ['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED'];

/**
 * Keeps failures of the process's own output from ending its work. What a command prints may be all that it makes
 * (`arena predict ... | head`): then a reader that has enough ends it.
 * @param printing Whether the command makes what it prints, and nothing else.
 */
export function watchOutput(printing: boolean, { stdout, stderr, exit }: NodeJS.Process = process): void {
  let said = false;
  stderr.on('error', () => {}); // there is nowhere left to say so
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    const isGone = GONE.includes(error.code ?? '');
    if (printing && isGone) exit(PIPE_CLOSED);
    if (isGone || said) return;
    said = true;
    stderr.write(
      `arena: the output cannot be written (${error.code})${printing ? '' : '; the work goes on without it'}\n`,
    );
    if (printing) exit(1);
  });
}
